/// How a model shall choose its words, and how many it may use; what is not said is left to the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// How freely it chooses.
    pub temperature: Option<Temperature>,
    /// The most tokens of the answer.
    pub max_output_tokens: Option<OutputTokens>,
}

/// How freely a model chooses its words: 0 (always the likeliest) to 2, as OpenAI's API has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature(f32);

/// The number was no temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 2")]
pub struct InvalidTemperature;

impl Temperature {
    /// The number.
    pub const fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Temperature {
    type Error = InvalidTemperature;

    fn try_from(temperature: f32) -> Result<Self, InvalidTemperature> {
        if (0.0..=2.0).contains(&temperature) { Ok(Self(temperature)) } else { Err(InvalidTemperature) }
    }
}

/// The most tokens that an answer may have: 1 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputTokens(u32);

/// The number was no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to 1000000")]
pub struct InvalidOutputTokens;

impl OutputTokens {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for OutputTokens {
    type Error = InvalidOutputTokens;

    fn try_from(tokens: u64) -> Result<Self, InvalidOutputTokens> {
        match u32::try_from(tokens) {
            Ok(tokens @ 1..=1_000_000) => Ok(Self(tokens)),
            _ => Err(InvalidOutputTokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(Temperature::try_from(2.0).map(Temperature::get), Ok(2.0));
        for bad in [-0.1, 2.1, f32::NAN, f32::INFINITY] {
            assert_eq!(Temperature::try_from(bad), Err(InvalidTemperature), "{bad}");
        }
        assert_eq!(OutputTokens::try_from(1_000_000).map(OutputTokens::get), Ok(1_000_000));
        for bad in [0, 1_000_001, u64::MAX] {
            assert_eq!(OutputTokens::try_from(bad), Err(InvalidOutputTokens), "{bad}");
        }
    }
}
