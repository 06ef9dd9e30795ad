use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, guard, web};

use crate::error::ApiError;
use crate::middleware::survive_panic;

/// A path and the methods it has. Any other method is 405 with `Allow` (RFC 9110 §15.5.6).
pub(crate) struct Endpoint {
    resource: Resource,
    allow: Vec<&'static str>,
}

impl Endpoint {
    pub(crate) fn at(path: &'static str) -> Self {
        Self { resource: web::resource(path), allow: Vec::new() }
    }

    /// GET, and HEAD, which is GET without the body.
    pub(crate) fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let reads = guard::fn_guard(|context| matches!(context.head().method, Method::GET | Method::HEAD));
        self.resource = self.resource.route(web::route().guard(reads).to(handler));
        self.allow.extend(["GET", "HEAD"]);
        self
    }

    pub(crate) fn post<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::post().to(handler));
        self.allow.push("POST");
        self
    }

    pub(crate) fn patch<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::patch().to(handler));
        self.allow.push("PATCH");
        self
    }

    pub(crate) fn delete<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::delete().to(handler));
        self.allow.push("DELETE");
        self
    }
}

impl HttpServiceFactory for Endpoint {
    fn register(self, config: &mut AppService) {
        let allow = self.allow.join(", ");
        let refuse = move || {
            let error = ApiError::method_not_allowed(&allow);
            async move { Err::<HttpResponse, _>(error) }
        };
        self.resource.default_service(web::to(refuse)).wrap(from_fn(survive_panic)).register(config);
    }
}
