use std::collections::HashSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::id::InvalidId;
use domain::page::{InvalidLimit, Limit, Order, PageRequest};

use super::Validation;
use crate::error::{ApiError, ErrorCode};

/// The query of a list that has not been looked at yet.
pub(crate) struct ListQuery(String);

impl FromRequest for ListQuery {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.query_string().to_owned())))
    }
}

impl ListQuery {
    /// The page that `limit`, `after` and `order` ask for. Any other parameter is refused, not ignored.
    pub(crate) fn page<Id: FromStr<Err = InvalidId>>(&self, default: Order) -> Result<PageRequest<Id>, ApiError> {
        self.page_and(default, |_, _| None)
    }

    /// The same where there are other parameters: `other` is given their names and values, and says whether it knows one,
    /// and what is wrong with it.
    pub(crate) fn page_and<Id: FromStr<Err = InvalidId>>(
        &self,
        default: Order,
        mut other: impl FnMut(&str, &str) -> Option<Result<(), String>>,
    ) -> Result<PageRequest<Id>, ApiError> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(&self.0)
            .map_err(|_| ApiError::new(ErrorCode::InvalidRequest, "The query is not well-formed."))?;
        let mut validation = Validation::default();
        let (mut limit, mut after, mut order) = (None, None, None);
        let mut others = HashSet::new();
        for (name, value) in pairs.into_inner() {
            let pointer = format!("/{name}");
            let is_repeated = match name.as_str() {
                "limit" => limit.replace(validation.field(&pointer, parse_limit(&value))).is_some(),
                "after" => after.replace(validation.field(&pointer, value.parse())).is_some(),
                "order" => order.replace(validation.field(&pointer, parse_order(&value))).is_some(),
                name => {
                    let known = other(name, &value).unwrap_or_else(|| Err("is not a known parameter".to_owned()));
                    validation.field(&pointer, known).ok();
                    !others.insert(name.to_owned())
                }
            };
            if is_repeated {
                validation.refuse(&pointer, "is given more than once");
            }
        }
        if validation.has_errors() {
            return Err(validation.into_error());
        }
        Ok(PageRequest {
            limit: limit.and_then(Result::ok).unwrap_or_default(),
            after: after.and_then(Result::ok),
            order: order.and_then(Result::ok).unwrap_or(default),
        })
    }
}

fn parse_limit(value: &str) -> Result<Limit, InvalidLimit> {
    Limit::try_from(value.parse::<u64>().map_err(|_| InvalidLimit)?)
}

fn parse_order(value: &str) -> Result<Order, &'static str> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err("must be asc or desc"),
    }
}
