use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use domain::session::Client;

/// Where the request comes from.
pub(crate) fn client_of(request: &HttpRequest) -> Client {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Client::new(request.peer_addr().map(|address| address.ip()), agent)
}
