use actix_web::HttpRequest;
use domain::chat::{Fingerprint, IdempotencyClaim, IdempotencyKey, InvalidIdempotencyKey};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, ErrorCode};

/// What the client calls the request (header `Idempotency-Key`), if it calls it anything.
pub(crate) fn idempotency_claim(request: &HttpRequest, body: &[u8]) -> Result<Option<IdempotencyClaim>, ApiError> {
    let mut headers = request.headers().get_all("Idempotency-Key");
    let Some(header) = headers.next() else { return Ok(None) };
    let text = header.to_str().map_err(|_| InvalidIdempotencyKey);
    let key = match (text.and_then(|text| IdempotencyKey::try_from(text.to_owned())), headers.next()) {
        (Ok(key), None) => key,
        (Ok(_), Some(_)) => {
            return Err(ApiError::new(ErrorCode::InvalidIdempotencyKey, "There must be one Idempotency-Key header."));
        }
        (Err(error), _) => {
            let detail = format!("The header Idempotency-Key {error}.");
            return Err(ApiError::new(ErrorCode::InvalidIdempotencyKey, detail));
        }
    };
    Ok(Some(IdempotencyClaim { key, fingerprint: fingerprint(request, body) }))
}

fn fingerprint(request: &HttpRequest, body: &[u8]) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(request.method().as_str());
    hash.update([0]);
    hash.update(request.path());
    hash.update([0]);
    hash.update(body);
    Fingerprint(hash.finalize().into())
}
