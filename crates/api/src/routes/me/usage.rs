use actix_web::web::{Data, Json};
use domain::usage::UsageService;

use crate::dto::UsageReport;
use crate::error::ApiError;
use crate::extract::permission::ReadUsage;
use crate::extract::{Caller, GroupBy, UsageQuery};
use crate::openapi::{Failures, Forbidden, InvalidQuery, Unauthenticated, UsageParameters};

/// What the caller has used
///
/// Turns and tokens by day or by model, and what they cost by the prices that the server's operators give. A turn counts
/// when it has ended, on that day, and goes on counting when it is deleted or has expired.
#[utoipa::path(
    get,
    path = "/api/v1/me/usage",
    operation_id = "getUsage",
    tag = "accounts",
    security(("token" = []), ("login" = [])),
    params(UsageParameters),
    responses((status = 200, description = "The usage", body = UsageReport), Unauthenticated, Forbidden, InvalidQuery, Failures)
)]
pub(crate) async fn usage(
    caller: Caller<ReadUsage>,
    usage: Data<UsageService>,
    query: UsageQuery,
) -> Result<Json<UsageReport>, ApiError> {
    let (group_by, period) = query.parse(|from, to| usage.period(from, to))?;
    Ok(Json(match group_by {
        GroupBy::Day => usage.by_day(&caller.0, period).await?.into(),
        GroupBy::Model => usage.by_model(&caller.0, period).await?.into(),
    }))
}
