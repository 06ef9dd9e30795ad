//! How large the fault tests are.

/// The variable that makes them larger: 10 is what docs/RELIABILITY.md promises, the default is for a change's checks.
const SCALE: &str = "COLLOQUY_TEST_SCALE";

/// So many at scale 1.
pub(crate) fn scaled(count: usize) -> usize {
    let scale = std::env::var(SCALE).map_or(1, |text| match text.parse() {
        Ok(scale @ 1..=1000) => scale,
        _ => panic!("{SCALE} must be a number from 1 to 1000, not {text:?}"),
    });
    count * scale
}
