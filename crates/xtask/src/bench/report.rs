//! What was measured, against what it should be: a table for the terminal, JSON for whoever compares runs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::load::Measured;
use super::machine::Machine;

/// Which side of a target is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast,
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Even what is aimed at later.
    Aim,
    Met,
    Missed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Aim => "aim reached",
            Self::Met => "met",
            Self::Missed => "MISSED",
        })
    }
}

/// A figure that design and measurement share: its name, its target now, and what is aimed at.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Target {
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    /// What follows the number: "×" for a ratio, else a unit.
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    pub(crate) now: f64,
    pub(crate) aim: f64,
}

impl Target {
    /// `how` says what the value comes from, in numbers.
    pub(crate) fn measured(self, value: f64, how: String) -> Figure {
        let reaches = |limit| match self.bound {
            Bound::AtLeast => value >= limit,
            Bound::AtMost => value <= limit,
        };
        let verdict = match (reaches(self.aim), reaches(self.now)) {
            (true, _) => Verdict::Aim,
            (false, true) => Verdict::Met,
            (false, false) => Verdict::Missed,
        };
        Figure { target: self, value, verdict, how }
    }

    fn limit(&self, value: f64) -> String {
        let sign = match self.bound {
            Bound::AtLeast => '≥',
            Bound::AtMost => '≤',
        };
        format!("{sign} {} {}", short(value), self.unit)
    }
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    pub(crate) target: Target,
    pub(crate) value: f64,
    pub(crate) verdict: Verdict,
    pub(crate) how: String,
}

impl Figure {
    /// How good it is where 1 just meets the target, whichever side is the good one.
    pub(crate) fn score(&self) -> f64 {
        match self.target.bound {
            Bound::AtLeast => self.value / self.target.now,
            // Less than nothing, as differences may turn out, could not be better.
            Bound::AtMost if self.value <= 0.0 => f64::INFINITY,
            Bound::AtMost => self.target.now / self.value,
        }
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {}", short(self.value), self.target.unit)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) figures: Vec<Figure>,
    /// What was left out, and why.
    pub(crate) skipped: Vec<String>,
    /// Every load over HTTP, in order.
    pub(crate) loads: BTreeMap<&'static str, Vec<Measured>>,
    /// Every rate of a yardstick, in order, per second.
    pub(crate) yardsticks: BTreeMap<&'static str, Vec<f64>>,
}

impl Report {
    pub(crate) fn table(&self) -> String {
        let heading = ["", "what", "figure", "target", "aim", "verdict"].map(str::to_owned);
        let rows = self.figures.iter().map(|figure| {
            let Target { id, what, now, aim, .. } = figure.target;
            let (now, aim) = (figure.target.limit(now), figure.target.limit(aim));
            [id.to_owned(), what.to_owned(), figure.shown(), now, aim, figure.verdict.to_string()]
        });
        let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
        let widths: [usize; 6] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        let mut table = format!("{}\n\n", self.machine);
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            let _ = writeln!(table, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        table.push('\n');
        for Figure { target, how, .. } in &self.figures {
            let _ = writeln!(table, "{:<width$}  {how}", target.id, width = widths[0]);
        }
        for why in &self.skipped {
            let _ = writeln!(table, "\nSKIPPED {why}");
        }
        table
    }
}

/// The middle one; of an even number the lower of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Three significant digits are all that a measurement on a shared machine is worth.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => trimmed(format!("{value:.1}")),
        size if size >= 1.0 => trimmed(format!("{value:.2}")),
        _ => trimmed(format!("{value:.3}")),
    }
}

fn trimmed(number: String) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const RATIO: Target = Target { id: "P1", what: "turns", unit: "×", bound: Bound::AtLeast, now: 1.5, aim: 3.0 };
    const SPAN: Target =
        Target { id: "P8", what: "start to ready", unit: "s", bound: Bound::AtMost, now: 0.3, aim: 0.1 };

    pub(crate) fn report(directory: &std::path::Path) -> Report {
        Report {
            machine: Machine::describe(15, directory).unwrap(),
            rounds: 3,
            seconds: 10.0,
            figures: vec![
                RATIO.measured(2.345, "9380 turns/s <b> against 4000".into()),
                SPAN.measured(0.4, "5 starts".into()),
            ],
            skipped: vec!["P2: no script".into()],
            loads: BTreeMap::new(),
            yardsticks: BTreeMap::new(),
        }
    }

    #[test]
    fn a_verdict_knows_which_side_is_good() {
        let verdict = |target: Target, value| target.measured(value, String::new()).verdict;
        assert_eq!(verdict(RATIO, 1.49), Verdict::Missed);
        assert_eq!(verdict(RATIO, 1.5), Verdict::Met);
        assert_eq!(verdict(RATIO, 3.0), Verdict::Aim);
        assert_eq!(verdict(SPAN, 0.31), Verdict::Missed);
        assert_eq!(verdict(SPAN, 0.3), Verdict::Met);
        assert_eq!(verdict(SPAN, 0.1), Verdict::Aim);
        // What could not be divided is not met.
        assert_eq!(verdict(RATIO, f64::NAN), Verdict::Missed);
        assert!((SPAN.measured(0.6, String::new()).score() - 0.5).abs() < 1e-9);
        assert!(SPAN.measured(-0.1, String::new()).score() > 1e9);
    }

    #[test]
    fn the_table_has_every_figure_in_columns() {
        let table = report(tempfile::tempdir().unwrap().path()).table();
        assert!(table.contains("P1  turns           2.35 ×  ≥ 1.5 ×  ≥ 3 ×    met\n"), "{table}");
        assert!(table.contains("P8  start to ready  0.4 s   ≤ 0.3 s  ≤ 0.1 s  MISSED\n"), "{table}");
        assert!(table.contains("SKIPPED P2: no script"));
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        let is = |values: &[f64], expected: f64| (median(values.to_vec()) - expected).abs() < 1e-9;
        assert!(is(&[9.0, 1.0, 4.0], 4.0));
        assert!(is(&[9.0, 1.0, 4.0, 2.0], 2.0));
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1234.5, 17.26, 12.0, 1.5, 3.0, 0.0512].map(short), ["1234", "17.3", "12", "1.5", "3", "0.051"]);
    }
}
