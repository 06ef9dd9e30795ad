use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::NaiveDate;
use domain::usage::{InvalidPeriod, Period};

use super::Validation;
use crate::error::{ApiError, ErrorCode};

/// The query of a report on usage that has not been looked at yet.
pub(crate) struct UsageQuery(String);

/// How a report on usage is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupBy {
    Day,
    Model,
}

impl FromRequest for UsageQuery {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.query_string().to_owned())))
    }
}

impl UsageQuery {
    /// What `group_by`, `from` and `to` ask for; `period` makes one out of the two days. Any other parameter is refused, not
    /// ignored.
    pub(crate) fn parse(
        &self,
        period: impl FnOnce(Option<NaiveDate>, Option<NaiveDate>) -> Result<Period, InvalidPeriod>,
    ) -> Result<(GroupBy, Period), ApiError> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(&self.0)
            .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "The query is not well-formed."))?;
        let mut validation = Validation::default();
        let (mut group_by, mut from, mut to) = (None, None, None);
        for (name, value) in pairs.into_inner() {
            let pointer = format!("/{name}");
            let is_repeated = match name.as_str() {
                "group_by" => group_by.replace(validation.field(&pointer, parse_group(&value))).is_some(),
                "from" => from.replace(validation.field(&pointer, parse_day(&value))).is_some(),
                "to" => to.replace(validation.field(&pointer, parse_day(&value))).is_some(),
                _ => {
                    validation.refuse(&pointer, "is not a known parameter");
                    false
                }
            };
            if is_repeated {
                validation.refuse(&pointer, "is given more than once");
            }
        }
        if validation.has_errors() {
            return Err(validation.into_error());
        }
        let group_by = group_by.and_then(Result::ok).unwrap_or(GroupBy::Day);
        match validation.field("/from", period(from.and_then(Result::ok), to.and_then(Result::ok))) {
            Ok(period) => Ok((group_by, period)),
            Err(_) => Err(validation.into_error()),
        }
    }
}

fn parse_group(value: &str) -> Result<GroupBy, &'static str> {
    match value {
        "day" => Ok(GroupBy::Day),
        "model" => Ok(GroupBy::Model),
        _ => Err("must be day or model"),
    }
}

/// Exactly `YYYY-MM-DD`: chrono alone would take fewer digits, and signs.
fn parse_day(value: &str) -> Result<NaiveDate, &'static str> {
    let is_date = |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    let day = (value.len() == 10 && value.bytes().enumerate().all(is_date)).then(|| value.parse().ok()).flatten();
    day.ok_or("must be a day like 2026-01-31")
}
