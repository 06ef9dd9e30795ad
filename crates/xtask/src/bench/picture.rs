//! The report as a picture: a bar for each figure, as long as it is good, with a line where targets are met.

use std::path::Path;

use plotters::prelude::*;

use super::report::{Figure, Report, Verdict};
use crate::failure::{Failure, Result};

const WIDTH: u32 = 960;
const ROW: i32 = 56;
const TOP: i32 = 72;
/// Where bars begin, and how long the longest may be.
const LEFT: i32 = 330;
/// A bar that goes beyond so many times its target is cut: the others could not be told apart.
const LONGEST_SHOWN: f64 = 3.0;
const LONGEST: i32 = 440;

const INK: RGBColor = RGBColor(0x22, 0x2b, 0x35);
const FAINT: RGBColor = RGBColor(0x6b, 0x76, 0x82);
const AIM: RGBColor = RGBColor(0x1b, 0x7f, 0x5c);
const MET: RGBColor = RGBColor(0x3b, 0x82, 0xc4);
const MISSED: RGBColor = RGBColor(0xc8, 0x45, 0x3b);

pub(crate) fn draw(report: &Report, path: &Path) -> Result<()> {
    paint(report, path).map_err(|error| Failure::new(format!("cannot draw {}: {error}", path.display())))
}

fn paint(report: &Report, path: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let rows = i32::try_from(report.figures.len())?;
    let height = u32::try_from(TOP + rows * ROW + 72)?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    // The SVG backend takes the size for the height of a line and draws letters a fifth smaller.
    let text = |pixels: i32, color: RGBColor| ("sans-serif", pixels * 5 / 4).into_font().color(&color);
    area.draw(&Text::new("What a turn costs: each figure against its target", (24, 20), text(20, INK)))?;

    let scores = report.figures.iter().map(Figure::score).filter(|score| score.is_finite());
    let longest = scores.fold(1.0, f64::max).min(LONGEST_SHOWN);
    let met = LEFT + length(1.0, longest);
    let bottom = TOP + rows * ROW;
    for (row, figure) in (0..rows).zip(&report.figures) {
        let y = TOP + row * ROW;
        let color = match figure.verdict {
            Verdict::Aim => AIM,
            Verdict::Met => MET,
            Verdict::Missed => MISSED,
        };
        let end = LEFT + length(figure.score(), longest);
        area.draw(&Text::new(format!("{}  {}", figure.target.id, figure.target.what), (24, y + 6), text(14, INK)))?;
        area.draw(&Rectangle::new([(LEFT, y), (end, y + 26)], color.filled()))?;
        let verdict = format!("{} ({})", figure.shown(), figure.verdict);
        area.draw(&Text::new(verdict, (end + 8, y + 6), text(14, color)))?;
        area.draw(&Text::new(figure.how.clone(), (LEFT, y + 30), text(11, FAINT)))?;
    }
    area.draw(&PathElement::new([(met, TOP - 12), (met, bottom - 8)], INK.stroke_width(1)))?;
    area.draw(&Text::new("target", (met + 4, TOP - 18), text(12, INK)))?;
    let method = format!(
        "medians of {} rounds of {:.0} s, alternating between what is compared; bars are figure ÷ target",
        report.rounds, report.seconds
    );
    let machine = report.machine.to_string();
    for (y, line) in (bottom + 8..).step_by(18).zip(machine.split("; ").chain([method.as_str()])) {
        area.draw(&Text::new(line.to_owned(), (24, y), text(11, FAINT)))?;
    }
    area.present()?;
    Ok(())
}

/// A score's share of the longest bar, in pixels.
#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to the width of the picture")]
fn length(score: f64, longest: f64) -> i32 {
    let share = if score.is_nan() { 0.0 } else { score / longest };
    (f64::from(LONGEST) * share.clamp(0.0, 1.0)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report;

    #[test]
    fn a_picture_has_a_bar_for_each_figure_and_escapes_its_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.svg");
        draw(&report::tests::report(directory.path()), &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        // The background and two bars.
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(svg.contains("P1  turns") && svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        // The longest bar is the best figure: 2.345 of 1.5, against 0.3 of 0.4.
        assert_eq!(length(1.0, 2.0), LONGEST / 2);
        assert_eq!(length(f64::NAN, 2.0), 0);
        assert_eq!(length(f64::INFINITY, 2.0), LONGEST);
    }
}
