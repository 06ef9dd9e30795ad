use chrono::{DateTime, Utc};
use domain::chat::{Generation, Sampling};
use domain::id::{ConversationId, TurnId, UserId};
use uuid::Uuid;

use super::*;

fn past(question: &str) -> PastTurn {
    PastTurn {
        question: question.to_owned(),
        response: "An answer.".to_owned(),
        tokens: 1,
        expiry_timestamp: DateTime::<Utc>::MAX_UTC,
    }
}

fn asked(context: &[&str], question: &str) -> String {
    let context: Vec<_> = context.iter().map(|question| past(question)).collect();
    reply(&context, question)
}

fn request(question: &str) -> EngineRequest {
    EngineRequest {
        turn_id: TurnId::from_uuid(Uuid::nil()),
        conversation_id: ConversationId::from_uuid(Uuid::nil()),
        user_id: UserId::from_uuid(Uuid::nil()),
        model: None,
        system: None,
        context: vec![past("My name is Ada.")],
        question: question.to_owned(),
        sampling: Sampling::default(),
    }
}

#[test]
fn what_was_stated_is_known_later() {
    for (stated, question, answer) in [
        ("My name is Ada.", "What is my name?", "Your name is Ada."),
        ("my name is Ada Lovelace", "what's my name", "Your name is Ada Lovelace."),
        ("MY NAME IS ADA!", "WHAT IS MY NAME???", "Your name is ADA."),
        ("Hello, my name's Ada", "Do you remember my name?", "Your name is Ada."),
        ("I’m Ada.", "What is my name?", "You are Ada."),
        ("Call me Ada", "Please tell me my name", "Your name is Ada."),
        ("I am called Ada", "Who am I?", "Your name is Ada."),
        ("I am a mathematician", "Who am I?", "You are a mathematician."),
        ("I live in Paris, France, and I like tea.", "Where do I live?", "You live in Paris, France."),
        ("I live in Paris, France, and I like tea.", "What do I like?", "You like tea."),
        ("I'm from Überlingen", "where am i from", "You are from Überlingen."),
        ("My favourite language is C++.", "What is my favourite language?", "Your favourite language is C++."),
        ("My dog's name is Rex", "What is my dog’s name?", "Your dog's name is Rex."),
        ("My cats are Tom and Tim", "What are my cats?", "Your cats are Tom and Tim."),
        ("Remember that the code is 4711.", "What is the code?", "The code is 4711."),
        ("Remember: my sister likes my cat", "What do you remember?", "I remember this: your sister likes your cat."),
        ("Don't forget that I live in Bath", "What do you know about me?", "I remember this: you live in Bath."),
        ("My mood is 😀", "What is my mood?", "Your mood is 😀."),
        (
            "我的 my city is 東京。",
            "What is my city？",
            "You have not told me your city in the part of this conversation that I see. \
             Say “My city is …”, and I will remember it.",
        ),
    ] {
        assert_eq!(asked(&["How are you?", stated, "Thanks!"], question), answer, "{stated} {question}");
    }
}

#[test]
fn what_was_stated_later_wins() {
    let context = ["My name is Ada", "My name is Grace", "my NAME is Edsger"];
    assert_eq!(asked(&context, "What is my name?"), "Your name is Edsger.");
    assert_eq!(asked(&context, "My name is Alan. What is my name?"), "Nice to meet you, Alan. Your name is Alan.");
    assert_eq!(asked(&context, "What do you remember?"), "I remember this: your name is Edsger.");
}

#[test]
fn a_question_is_no_statement() {
    assert!(asked(&["My name is Ada?"], "What is my name?").starts_with("You have not told me your name"));
}

#[test]
fn only_the_own_questions_count_and_not_the_answers() {
    let mut turn = past("Hi");
    turn.response = "My name is HAL".to_owned();
    assert!(reply(&[turn], "What is my name?").starts_with("You have not told me your name"));
}

#[test]
fn what_was_asked_is_told() {
    let context = ["Is it raining?", "And tomorrow?"];
    for (question, answer) in [
        ("What did I ask?", "Before this, you said “And tomorrow?”."),
        ("What was my last question?", "Before this, you said “And tomorrow?”."),
        ("What did I ask you a moment ago, and what is next?", "Before this, you said “And tomorrow?”."),
        ("What was my first question?", "The first thing that I still have before me is “Is it raining?”."),
        ("What have I asked so far?", "You said, in this order: “Is it raining?”, “And tomorrow?”."),
    ] {
        assert_eq!(asked(&context, question), answer, "{question}");
    }
    assert!(asked(&[], "What did I ask?").starts_with("This is the first thing"));
}

#[test]
fn several_questions_get_several_answers() {
    let context = ["My name is Ada and I live in Bath."];
    assert_eq!(asked(&context, "Who am I and where do I live?"), "Your name is Ada. You live in Bath.");
}

#[test]
fn a_statement_is_confirmed() {
    assert_eq!(asked(&[], "Hi! My name is Ada."), "Nice to meet you, Ada.");
    assert_eq!(asked(&[], "I live in my car, and my dog is Rex"), "Noted: you live in your car; your dog is Rex.");
    assert_eq!(asked(&["My name is Ada"], "Hello"), "Hello, Ada! Ask me what you told me before.");
}

#[test]
fn anything_else_is_answered_with_the_way_to_a_model() {
    for question in ["Why is the sky blue?", "", "me", "🦀", "what is", "my", "remember", "What is the code?", "?!"] {
        let answer = asked(&["My name is Ada"], question);
        for hint in ["OPENAI_API_KEY", "engine.kind", "engine.openai.base_url", "COLLOQUY__ENGINE__KIND"] {
            assert!(answer.contains(hint), "{question}: {answer}");
        }
    }
}

#[test]
fn answers_stay_short_whatever_was_said() {
    let long = "ä".repeat(32 * 1024);
    for context in
        [long.clone(), format!("My name is {long}"), format!("My {long} is Ada"), "my my is is ".repeat(5000)]
    {
        for question in ["What did I ask?", "What is my name?", "What do you remember?", "Who am I?", &long, "Hello"] {
            assert!(asked(&[context.as_str(); 20], question).len() < 32 * 1024, "{question}");
        }
    }
    assert!(asked(&[], &"What is my name? ".repeat(4000)).len() < 4096);
}

#[test]
fn any_input_is_answered() {
    let pieces =
        ["my", "name", "is", "i", "am", "what", "’", "…", "?", "\u{301}", "\0", "\n", "İ", "and", ",", "me", "a"];
    let mut state = 1_u32;
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            text.push_str(if state & 0x8000 == 0 { " " } else { "" });
        }
        assert!(!asked(&[&text], &text).is_empty());
    }
}

#[tokio::test]
async fn the_answer_comes_word_by_word_and_is_finished() {
    let engine = BuiltinEngine::new();
    let events: Vec<_> = engine.answer(request("What is my name?")).await.unwrap().map(Result::unwrap).collect().await;
    let texts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EngineEvent::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["Your ", "name ", "is ", "Ada."]);
    assert_eq!(events.first(), Some(&EngineEvent::Model(engine.models()[0].name.clone())));
    assert_eq!(events.last(), Some(&EngineEvent::Finish(FinishReason::Stop)));

    let mut generation = Generation::new(TurnId::from_uuid(Uuid::nil()), None, 0);
    for event in events {
        generation.delta(event);
    }
    assert_eq!(generation.end(domain::chat::StreamEnd::Closed).state.as_str(), "completed");
}
