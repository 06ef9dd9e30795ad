//! The yardstick of a request: an actix-web server whose only route does nothing.
//!
//! `cargo xtask bench` runs it: `empty_route PORT` serves `GET /` on 127.0.0.1 until it is told to end.

use std::env;
use std::io;

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = env::args().nth(1).and_then(|port| port.parse::<u16>().ok());
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: empty_route PORT"))?;
    HttpServer::new(|| App::new().route("/", web::get().to(HttpResponse::Ok))).bind(("127.0.0.1", port))?.run().await
}
