use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::rt::time::Instant;
use metrics::{counter, histogram};

/// Layer: counts requests, and how long each took until its response began.
///
/// A route is named by its pattern, and what is no route of ours by nothing: no client can make up labels.
pub async fn measure<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let began = Instant::now();
    let method = name(request.method());
    let response = next.call(request).await?;
    let route = response.request().match_pattern().unwrap_or_default();
    let status = response.status().as_u16().to_string();
    histogram!("colloquy_http_request_seconds", "method" => method, "route" => route.clone())
        .record(began.elapsed().as_secs_f64());
    counter!("colloquy_http_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    Ok(response)
}

fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
