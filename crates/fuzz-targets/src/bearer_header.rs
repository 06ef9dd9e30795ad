//! The header `Authorization`: a token is what stands behind `Bearer`, and nothing around it.

use actix_web::http::header::HeaderValue;

/// Tries the bytes as the header's value.
pub fn run(data: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(data) else { return };
    let Some(token) = api::bearer_credentials(&header) else { return };
    assert!(data.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")), "of another scheme: {data:?}");
    assert!(!token.is_empty() && token.trim_matches(' ') == token, "{token:?}");
    assert!(token.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t'), "{token:?}");
    assert_eq!(str::from_utf8(&data[7..]).unwrap().trim_matches(' '), token);
}
