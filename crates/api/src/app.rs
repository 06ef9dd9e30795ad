use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, Error};
use tracing_actix_web::TracingLogger;

use crate::middleware::{RequestSpan, cors, envelope, identify, measure, tell_limits};
use crate::routes;
use crate::services::{ApiSettings, Services};

/// The whole HTTP surface, ready to be served: the routes and the layers around them.
///
/// Production and tests call this one function, so that nothing is there in one and missing in the other.
pub fn app(
    services: Services,
    settings: ApiSettings,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + 'static>,
        Error = Error,
        InitError = (),
    >,
> {
    // The last layer is the outermost: the span needs the request's id, and problems are logged within the span.
    App::new()
        .configure(configure(services, settings))
        .wrap(from_fn(cors))
        .wrap(from_fn(envelope))
        .wrap(from_fn(tell_limits))
        .wrap(from_fn(measure))
        .wrap(TracingLogger::<RequestSpan>::new())
        .wrap(from_fn(identify))
}

/// The routes and what their handlers need, without the layers of [`app`].
///
/// For embedders that have an application of their own; without [`crate::middleware::envelope`] around it, an error
/// is a bare status.
pub fn configure(services: Services, settings: ApiSettings) -> impl Fn(&mut ServiceConfig) + Clone {
    let registration = Data::new(services.registration);
    let login = Data::new(services.login);
    let authentication = Data::new(services.authentication);
    let published_keys = Data::from(services.published_keys);
    let accounts = Data::new(services.accounts);
    let conversations = Data::new(services.conversations);
    let chat = Data::new(services.chat);
    let reading = Data::new(services.reading);
    let refresh = Data::new(services.refresh);
    let own_sessions = Data::new(services.own_sessions);
    let confirmation = Data::new(services.confirmation);
    let introspection = Data::new(services.introspection);
    let tickets = Data::new(services.tickets);
    let keys = Data::new(services.keys);
    let administration = Data::new(services.administration);
    let audit = Data::new(services.audit);
    let usage = Data::new(services.usage);
    let erasure = Data::new(services.erasure);
    let exports = Data::new(services.exports);
    let watch = Data::from(services.watch);
    let store = Data::from(services.store);
    let ids = Data::from(services.ids);
    let settings = Data::new(settings);
    move |config| {
        config
            .app_data(registration.clone())
            .app_data(login.clone())
            .app_data(authentication.clone())
            .app_data(published_keys.clone())
            .app_data(accounts.clone())
            .app_data(conversations.clone())
            .app_data(chat.clone())
            .app_data(reading.clone())
            .app_data(refresh.clone())
            .app_data(own_sessions.clone())
            .app_data(confirmation.clone())
            .app_data(introspection.clone())
            .app_data(tickets.clone())
            .app_data(keys.clone())
            .app_data(administration.clone())
            .app_data(audit.clone())
            .app_data(usage.clone())
            .app_data(erasure.clone())
            .app_data(exports.clone())
            .app_data(watch.clone())
            .app_data(store.clone())
            .app_data(ids.clone())
            .app_data(settings.clone())
            .configure(routes::table);
    }
}
