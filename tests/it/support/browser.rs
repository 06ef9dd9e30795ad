//! A browser with a session's cookie.

use reqwest::Method;

use super::client::{Client, PASSWORD, sent};
use super::reply::Reply;

/// Somebody who is logged in with a browser, on a page of the server.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
    /// The name of the cookie and its value.
    pub(crate) cookie: String,
}

impl Client {
    /// Sends the form of the login page, from a page of that origin.
    pub(crate) async fn try_log_in_browser(&self, name: &str, fields: &[(&str, &str)]) -> Reply {
        let fields = [&[("username", name), ("password", PASSWORD)], fields].concat();
        let request = self.form_request("/login", &fields);
        sent(request.header("Sec-Fetch-Site", "same-origin")).await
    }

    /// Logs in with a browser.
    pub(crate) async fn log_in_browser(&self, name: &str) -> Browser {
        let reply = self.try_log_in_browser(name, &[]).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Browser { client: self.clone(), cookie }
    }
}

impl Browser {
    /// A request with the cookie, and no word of where it comes from.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, path).header("Cookie", &self.cookie)
    }

    /// A request from a page of the server.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Reply {
        sent(self.request(method, path).header("Sec-Fetch-Site", "same-origin")).await
    }
}
