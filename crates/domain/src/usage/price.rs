use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;

use super::Tally;
use crate::conversation::ModelName;

/// An amount of US dollars, exact to a millionth of a millionth of one. Nothing here is ever rounded: that is what a token
/// costs whose price for a million has six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dollars {
    /// 10⁻¹² of a dollar.
    pico: u128,
}

const PICO_DECIMALS: usize = 12;
const PICO: u128 = 10_u128.pow(12);
const PICO_PER_MICRO: u128 = 1_000_000;
/// Of a price, which is given by hand.
const MICRO_DECIMALS: usize = 6;
const MICRO: u64 = 1_000_000;
const MAX_DOLLARS: u64 = 1_000_000;

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self { pico: amounts.fold(0, |sum, amount| sum.saturating_add(amount.pico)) }
    }
}

/// Decimal, with a point: at least two decimals, and no zeros at the end beyond those.
impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0PICO_DECIMALS$}", self.pico % PICO);
        let (cents, finer) = decimals.split_at(2);
        write!(f, "{}.{cents}{}", self.pico / PICO, finer.trim_end_matches('0'))
    }
}

/// What a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Millionths of a dollar for a million tokens: as many 10⁻¹² dollars for one.
    input: u64,
    output: u64,
}

impl Price {
    /// The price of a million tokens that the model is given.
    pub fn input_per_million(self) -> Dollars {
        Dollars { pico: u128::from(self.input) * PICO_PER_MICRO }
    }

    /// The price of a million tokens that the model makes.
    pub fn output_per_million(self) -> Dollars {
        Dollars { pico: u128::from(self.output) * PICO_PER_MICRO }
    }

    /// What so much costs.
    pub fn cost(self, tally: Tally) -> Dollars {
        let cost = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        Dollars { pico: cost(tally.input_tokens, self.input).saturating_add(cost(tally.output_tokens, self.output)) }
    }
}

/// What models cost, as far as that is known. A model without a price is not free, but of unknown cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<ModelName, Price>);

/// Why a list of prices was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrices {
    /// A text that is no price.
    #[error(
        "has {0:?}, but must have texts like \"gpt-4o=2.50/10\": a model, and what a million input and output tokens cost \
         in US dollars, at most 1000000 and with at most six decimals"
    )]
    Malformed(String),
    /// A model that has two prices.
    #[error("has two prices for {0:?}")]
    Repeated(String),
}

impl Prices {
    /// The model's price, if it has one.
    pub fn of(&self, model: &ModelName) -> Option<Price> {
        self.0.get(model).copied()
    }
}

/// Each text is `model=input/output`, in US dollars for a million tokens. Names of models may have `=` and `/` themselves.
impl TryFrom<Vec<String>> for Prices {
    type Error = InvalidPrices;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidPrices> {
        let mut prices = BTreeMap::new();
        for text in texts {
            let Some((model, price)) = parse(&text) else { return Err(InvalidPrices::Malformed(text)) };
            if prices.contains_key(&model) {
                return Err(InvalidPrices::Repeated(model.into_string()));
            }
            prices.insert(model, price);
        }
        Ok(Self(prices))
    }
}

fn parse(text: &str) -> Option<(ModelName, Price)> {
    let (model, price) = text.rsplit_once('=')?;
    let (input, output) = price.split_once('/')?;
    let price = Price { input: micro_dollars(input.trim())?, output: micro_dollars(output.trim())? };
    Some((ModelName::try_from(model.trim().to_owned()).ok()?, price))
}

fn micro_dollars(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > MICRO_DECIMALS {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<MICRO_DECIMALS$}").parse().ok()?;
    let micro = whole.parse::<u64>().ok()?.checked_mul(MICRO)?.checked_add(decimals)?;
    (micro <= MAX_DOLLARS * MICRO).then_some(micro)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(texts: &[&str]) -> Result<Prices, InvalidPrices> {
        texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>().try_into()
    }

    fn price(text: &str) -> Price {
        let (model, _) = text.rsplit_once('=').unwrap();
        prices(&[text]).unwrap().of(&model.trim().to_owned().try_into().unwrap()).unwrap()
    }

    fn cost(price: Price, input_tokens: u64, output_tokens: u64) -> String {
        price.cost(Tally { turns: 1, input_tokens, output_tokens }).to_string()
    }

    #[test]
    fn a_price_is_read_to_the_millionth_of_a_dollar() {
        for (text, input, output) in [
            ("gpt-4o=2.50/10", "2.50", "10.00"),
            ("free=0/0", "0.00", "0.00"),
            ("org/model=v2=0.000001/1000000", "0.000001", "1000000.00"),
            (" spaced = 0.075 / 0.3 ", "0.075", "0.30"),
        ] {
            let price = price(text);
            let per_million = (price.input_per_million().to_string(), price.output_per_million().to_string());
            assert_eq!(per_million, (input.to_owned(), output.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_named() {
        for bad in [
            "",
            "gpt-4o",
            "gpt-4o=1",
            "=1/2",
            "m=1/",
            "m=/2",
            "m=1/2/3",
            "m=-1/2",
            "m=+1/2",
            "m=1e3/2",
            "m=1./2",
            "m=.5/2",
            "m=0.0000001/2",
            "m=1000000.000001/2",
            "m=99999999999999999999/2",
            "m=NaN/1",
            "m=٣/1",
        ] {
            assert_eq!(prices(&[bad]), Err(InvalidPrices::Malformed(bad.to_owned())), "{bad:?}");
        }
        assert_eq!(prices(&["m=1/2", "n=1/2", "m=1/2"]), Err(InvalidPrices::Repeated("m".to_owned())));
    }

    #[test]
    fn a_cost_is_exact() {
        let gpt = price("gpt-4o=2.50/10");
        assert_eq!(cost(gpt, 0, 0), "0.00");
        assert_eq!(cost(gpt, 1, 0), "0.0000025");
        assert_eq!(cost(gpt, 1_000_000, 100_000), "3.50");
        assert_eq!(cost(price("m=0.000001/0"), 1, 0), "0.000000000001");
        // A sum of binary fractions would not be 0.30.
        let tenth = price("m=0.1/0").cost(Tally { input_tokens: 1_000_000, ..Tally::default() });
        assert_eq!([tenth; 3].into_iter().sum::<Dollars>().to_string(), "0.30");
    }

    #[test]
    fn the_largest_cost_does_not_overflow() {
        let dearest = price("m=1000000/1000000");
        assert_eq!(cost(dearest, u64::MAX, u64::MAX), "36893488147419103230.00");
    }
}
