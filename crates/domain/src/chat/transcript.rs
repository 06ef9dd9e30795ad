use std::fmt;
use std::str::FromStr;

use crate::conversation::{Answer, Part, Usage};
use crate::id::TurnId;

/// How far somebody has read: so many parts that are more than text, and so many UTF-8 bytes of the text.
///
/// It says nothing of how the text was cut into pieces, so that it means the same wherever the answer is read. Written
/// `<parts>.<offset>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Whole parts that are more than text.
    pub parts: usize,
    /// UTF-8 bytes from the start of the text.
    pub offset: usize,
}

/// The text was no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a position as events have it: two numbers with a dot between them")]
pub struct InvalidPosition;

impl Position {
    /// Nothing has been read.
    pub const START: Self = Self { parts: 0, offset: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.parts, self.offset)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let number = |text: &str| {
            let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten().ok_or(InvalidPosition)
        };
        let (parts, offset) = text.split_once('.').ok_or(InvalidPosition)?;
        Ok(Self { parts: number(parts)?, offset: number(offset)? })
    }
}

/// Something of a running turn, to be stored until the turn has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The turn.
    pub turn_id: TurnId,
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub content: PieceContent,
}

/// What a piece holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PieceContent {
    /// Some text, never empty.
    Text(String),
    /// One part that is more than text.
    Part(Part),
}

/// What a reader is told next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Some text.
    Text(String),
    /// A part that is more than text.
    Part {
        /// Its place among all parts of the answer, texts included.
        index: usize,
        /// The part.
        part: Part,
    },
}

/// An answer as far as it has come: its text, and where in it the other parts stand. It only ever grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    text: String,
    parts: Vec<Placed>,
}

/// A part that is more than text, and how much text comes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    at: usize,
    part: Part,
}

impl Transcript {
    /// The transcript of an answer that is there.
    pub fn of(answer: &Answer) -> Self {
        let Some(parts) = &answer.parts else { return Self { text: answer.response.clone(), parts: Vec::new() } };
        let mut transcript = Self::default();
        for part in parts {
            match part {
                Part::Text { text } => transcript.push_text(text),
                other => transcript.push_part(other.clone()),
            }
        }
        transcript
    }

    /// The text of the answer.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing yet.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty() && self.parts.is_empty()
    }

    /// Where it ends.
    pub const fn end(&self) -> Position {
        Position { parts: self.parts.len(), offset: self.text.len() }
    }

    /// Adds text.
    pub fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a part that is more than text.
    pub fn push_part(&mut self, part: Part) {
        self.parts.push(Placed { at: self.text.len(), part });
    }

    /// All of the answer in order, texts included; `None` where it is nothing but text.
    pub fn parts(&self) -> Option<Vec<Part>> {
        if self.parts.is_empty() {
            return None;
        }
        let mut all = Vec::with_capacity(self.parts.len() * 2 + 1);
        let mut from = 0;
        for Placed { at, part } in &self.parts {
            all.extend(self.text_part(from, *at));
            all.push(part.clone());
            from = *at;
        }
        all.extend(self.text_part(from, self.text.len()));
        Some(all)
    }

    /// The answer that has been told, without what it cost.
    pub fn to_answer(&self) -> Answer {
        let image_url = self.parts.iter().find_map(|placed| match &placed.part {
            Part::Image { url, .. } => Some(url.clone()),
            _ => None,
        });
        Answer { response: self.text.clone(), parts: self.parts(), image_url, usage: Usage::default() }
    }

    /// What comes after `from`, text of at most `max_bytes` (four at least), and where one is then; `None` if there is
    /// nothing yet. Text is cut between characters; whoever claims to stand within one is taken to its end.
    pub fn after(&self, from: Position, max_bytes: usize) -> Option<(Told, Position)> {
        if from.parts > self.parts.len() {
            return None;
        }
        let next = self.parts.get(from.parts);
        let until = next.map_or(self.text.len(), |placed| placed.at);
        if from.offset < until {
            let start = boundary_from(&self.text, from.offset);
            let end = boundary_to(&self.text, until.min(start + max_bytes.max(4)));
            let text = self.text.get(start..end)?.to_owned();
            return (!text.is_empty()).then_some((Told::Text(text), Position { offset: end, ..from }));
        }
        let part = next?.part.clone();
        let told = Told::Part { index: self.index(from.parts), part };
        Some((told, Position { parts: from.parts + 1, ..from }))
    }

    /// Everything after `from`, as it is stored while the turn runs.
    pub fn pieces(&self, turn_id: TurnId, from: Position) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = from;
        while let Some((told, after)) = self.after(at, usize::MAX / 2) {
            let content = match told {
                Told::Text(text) => PieceContent::Text(text),
                Told::Part { part, .. } => PieceContent::Part(part),
            };
            pieces.push(Piece { turn_id, at, content });
            at = after;
        }
        pieces
    }

    /// Adds a stored piece, or what it has beyond what is known already. One that would leave a gap is not taken.
    pub fn append(&mut self, piece: PieceContent, at: Position) -> bool {
        let end = self.end();
        match piece {
            PieceContent::Text(text) if at.parts == end.parts && at.offset <= end.offset => {
                if let Some(new) = text.get(end.offset - at.offset..) {
                    self.push_text(new);
                }
                true
            }
            PieceContent::Part(part) if at == end => {
                self.push_part(part);
                true
            }
            PieceContent::Text(_) | PieceContent::Part(_) => at < end,
        }
    }

    /// The place of the nth part that is more than text among all parts.
    fn index(&self, nth: usize) -> usize {
        let mut from = 0;
        let texts_before = self.parts.iter().take(nth + 1).filter(|placed| {
            let has_text = placed.at > from;
            from = placed.at;
            has_text
        });
        nth + texts_before.count()
    }

    fn text_part(&self, from: usize, to: usize) -> Option<Part> {
        let text = self.text.get(from..to).filter(|text| !text.is_empty())?;
        Some(Part::Text { text: text.to_owned() })
    }
}

fn boundary_from(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn boundary_to(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn turn() -> TurnId {
        TurnId::from_uuid(Uuid::nil())
    }

    #[derive(Clone, Debug)]
    enum Step {
        Text(String),
        Part,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![4 => "[aä€🦀\u{301}]{1,6}".prop_map(Step::Text), 1 => Just(Step::Part)];
        prop::collection::vec(step, 0..20)
    }

    fn image(n: usize) -> Part {
        Part::Image { url: format!("/{n}.png"), alt: None }
    }

    fn told(steps: &[Step]) -> Transcript {
        let mut transcript = Transcript::default();
        for (n, step) in steps.iter().enumerate() {
            match step {
                Step::Text(text) => transcript.push_text(text),
                Step::Part => transcript.push_part(image(n)),
            }
        }
        transcript
    }

    /// Reads on from `from`, and gives what was told with the position after each.
    fn read(transcript: &Transcript, mut from: Position, max: usize) -> Vec<(Told, Position)> {
        std::iter::from_fn(|| {
            let next = transcript.after(from, max)?;
            from = next.1;
            Some(next)
        })
        .collect()
    }

    #[test]
    fn a_position_is_two_numbers() {
        assert_eq!("2.17".parse(), Ok(Position { parts: 2, offset: 17 }));
        assert_eq!(Position { parts: 2, offset: 17 }.to_string(), "2.17");
        for bad in ["", "1", "1.", ".1", "-1.0", "1.2.3", "+1.0", "a.b", "1. 0", "9999999999999999999999.0"] {
            assert_eq!(bad.parse::<Position>(), Err(InvalidPosition), "{bad:?}");
        }
    }

    #[test]
    fn whoever_is_ahead_is_told_nothing() {
        let transcript = told(&[Step::Text("ab".into())]);
        assert_eq!(transcript.after(Position { parts: 0, offset: 9 }, 100), None);
        assert_eq!(transcript.after(Position { parts: 3, offset: 1 }, 100), None);
    }

    #[test]
    fn parts_know_their_place_among_texts() {
        let transcript = told(&[Step::Part, Step::Text("a".into()), Step::Text("b".into()), Step::Part, Step::Part]);
        let indexes: Vec<usize> = read(&transcript, Position::START, 100)
            .into_iter()
            .filter_map(|(told, _)| if let Told::Part { index, .. } = told { Some(index) } else { None })
            .collect();
        assert_eq!(indexes, [0, 2, 3]);
        let all = transcript.parts().unwrap();
        assert_eq!(all[1], Part::Text { text: "ab".into() });
        assert_eq!((&all[0], &all[2], &all[3]), (&image(0), &image(3), &image(4)));
    }

    proptest! {
        #[test]
        fn reading_on_from_anywhere_gives_the_rest(steps in steps(), stop in any::<prop::sample::Index>(), max in 1usize..9) {
            let transcript = told(&steps);
            let all = read(&transcript, Position::START, max);
            let stop = if all.is_empty() { 0 } else { stop.index(all.len()) };
            let from = all[..stop].last().map_or(Position::START, |(_, position)| *position);
            prop_assert_eq!(&read(&transcript, from, max)[..], &all[stop..]);
            let text: String = all.iter().map(|(told, _)| if let Told::Text(text) = told { text.as_str() } else { "" }).collect();
            prop_assert_eq!(text.as_str(), transcript.text());
            prop_assert_eq!(all.last().map_or(Position::START, |(_, position)| *position), transcript.end());
            prop_assert!(all.is_sorted_by(|(_, one), (_, next)| one < next));
        }

        #[test]
        fn what_is_stored_piece_by_piece_is_read_back(steps in steps(), ticks in prop::collection::vec(any::<bool>(), 20)) {
            let (mut growing, mut read_back) = (Transcript::default(), Transcript::default());
            let mut persisted = Position::START;
            for (n, step) in steps.iter().enumerate() {
                match step {
                    Step::Text(text) => growing.push_text(text),
                    Step::Part => growing.push_part(image(n)),
                }
                // Where an acknowledgement is lost, the same comes again with what has been said since.
                for piece in growing.pieces(turn(), persisted) {
                    prop_assert!(read_back.append(piece.content, piece.at));
                }
                if ticks[n] {
                    persisted = growing.end();
                }
            }
            prop_assert_eq!(read_back, growing);
        }

        #[test]
        fn a_gap_is_not_read_over(steps in steps()) {
            let transcript = told(&steps);
            let pieces = transcript.pieces(turn(), Position::START);
            let mut read_back = Transcript::default();
            for piece in pieces.into_iter().skip(1) {
                prop_assert!(!read_back.append(piece.content, piece.at));
            }
            prop_assert!(read_back.is_empty());
        }

        #[test]
        fn an_answer_has_the_transcript_that_it_was_made_of(steps in steps()) {
            let transcript = told(&steps);
            let answer = Answer { response: transcript.text().to_owned(), parts: transcript.parts(), ..Answer::default() };
            prop_assert_eq!(Transcript::of(&answer), transcript);
        }
    }
}
