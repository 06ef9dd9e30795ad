use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use domain::audit::{AuditFilter, AuditService};
use domain::page::Order;

use crate::dto::{AuditEvent, List};
use crate::error::ApiError;
use crate::extract::permission::ReadAudit;
use crate::extract::{Caller, ListQuery};
use crate::openapi::{Failures, Forbidden, InvalidQuery, ListParameters, Unauthenticated};

/// The audit log
///
/// Who did what to whom, the newest first unless told otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit-events",
    operation_id = "listAuditEvents",
    tag = "administration",
    security(("token" = []), ("login" = [])),
    params(
        ListParameters,
        ("kind" = Option<String>, Query, description = "Events of that kind, such as `login.failed`"),
        ("actor_id" = Option<uuid::Uuid>, Query, description = "Done by that user"),
        ("subject_id" = Option<uuid::Uuid>, Query, description = "Done to that user"),
        ("since" = Option<String>, Query, description = "Then or later (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Before then (RFC 3339)"),
    ),
    responses(
        (status = 200, description = "A page", body = List<AuditEvent>),
        Unauthenticated,
        Forbidden,
        InvalidQuery,
        Failures,
    )
)]
pub(crate) async fn list(
    _caller: Caller<ReadAudit>,
    audit: Data<AuditService>,
    query: ListQuery,
) -> Result<Json<List<AuditEvent>>, ApiError> {
    let mut filter = AuditFilter::default();
    let page = query.page_and(Order::Descending, |name, value| {
        Some(match name {
            "kind" => value.parse().map(|kind| filter.kind = Some(kind)).map_err(|error| format!("{error}")),
            "actor_id" => value.parse().map(|id| filter.actor = Some(id)).map_err(|error| format!("{error}")),
            "subject_id" => value.parse().map(|id| filter.subject = Some(id)).map_err(|error| format!("{error}")),
            "since" => moment(value).map(|moment| filter.since = Some(moment)),
            "until" => moment(value).map(|moment| filter.until = Some(moment)),
            _ => return None,
        })
    })?;
    let events = audit.events(filter, page).await?;
    Ok(Json(List::new(events, |event| event.id.as_uuid())))
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let parsed = DateTime::parse_from_rfc3339(text);
    parsed.map(|moment| moment.with_timezone(&Utc)).map_err(|_| "must be a date and time (RFC 3339)".to_owned())
}
