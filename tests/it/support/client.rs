//! Those who talk to a server.

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::installation::Server;
use super::reply::{Answer, List, Reply, Turn};
use super::waiting::{PATIENCE, eventually};

/// The password of every account in the tests.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Somebody who is not logged in.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
}

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    token: String,
    /// Empty for one who came with an API key.
    pub(crate) refresh_token: String,
    pub(crate) session_id: Uuid,
}

/// A request to `/chat`.
#[derive(Clone)]
pub(crate) struct Question {
    body: Value,
    key: Option<String>,
}

#[derive(Deserialize)]
struct LoggedIn {
    access_token: String,
    refresh_token: String,
    session_id: Uuid,
    username: String,
}

#[derive(Deserialize)]
struct Identified {
    id: Uuid,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE * 2)
            .build()
            .unwrap();
        Self { http, address: address.to_owned() }
    }

    /// A request to that path.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        sent(self.request(Method::GET, path)).await
    }

    /// `http://` and where the server listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Makes an account of that name.
    pub(crate) async fn sign_up(&self, name: &str) {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let user: Value = sent(self.request(Method::POST, "/api/v1/users").json(&account)).await.body(201);
        assert_eq!(user["username"], name);
    }

    /// Tries to log in.
    pub(crate) async fn try_log_in(&self, name: &str, password: &str) -> Reply {
        self.form("/token", &[("username", name), ("password", password)]).await
    }

    /// Logs in: a new session.
    pub(crate) async fn log_in(&self, name: &str) -> Caller {
        let logged_in: LoggedIn = self.try_log_in(name, PASSWORD).await.body(200);
        assert_eq!(logged_in.username, name);
        self.caller(logged_in)
    }

    /// Goes on with a session: sends the refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        self.form("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Whoever has the tokens of that reply.
    pub(crate) fn refreshed(&self, reply: &Reply) -> Caller {
        self.caller(reply.body(200))
    }

    /// Whoever has that API key.
    pub(crate) fn with_key(&self, key: &str) -> Caller {
        let (token, refresh_token) = (key.to_owned(), String::new());
        Caller { client: self.clone(), token, refresh_token, session_id: Uuid::nil() }
    }

    /// Sends a form.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        sent(self.form_request(path, fields)).await
    }

    /// The request with a form.
    pub(crate) fn form_request(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let form = Url::parse_with_params("form:", fields).unwrap();
        let request = self.request(Method::POST, path).body(form.query().unwrap_or_default().to_owned());
        request.header("content-type", "application/x-www-form-urlencoded")
    }

    fn caller(&self, logged_in: LoggedIn) -> Caller {
        Caller {
            client: self.clone(),
            token: logged_in.access_token,
            refresh_token: logged_in.refresh_token,
            session_id: logged_in.session_id,
        }
    }

    /// Somebody new, logged in.
    pub(crate) async fn newcomer(&self, name: &str) -> Caller {
        self.sign_up(name).await;
        self.log_in(name).await
    }
}

impl Caller {
    /// The same caller, with the same token, at another server.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self { client: server.client(), ..self.clone() }
    }

    /// A request to that path.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, path).bearer_auth(&self.token)
    }

    /// What a request that is made by hand says in `Authorization`.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// The token itself.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The server that is talked to.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        sent(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        sent(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        sent(self.request(Method::PATCH, path).json(body)).await
    }

    /// The id of the caller's account.
    pub(crate) async fn user_id(&self) -> Uuid {
        self.get("/api/v1/me").await.body::<Identified>(200).id
    }

    /// Makes an API key with those scopes.
    pub(crate) async fn new_key(&self, scopes: &[&str]) -> (Uuid, Caller) {
        let made = self.post("/api/v1/me/api-keys", &json!({"name": "k", "scopes": scopes})).await;
        let made: Value = made.body(201);
        (made["id"].as_str().unwrap().parse().unwrap(), self.client.with_key(made["secret"].as_str().unwrap()))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        sent(self.request(Method::POST, path).json(body)).await
    }

    /// Asks, and gives whatever came of it; an error if the connection broke.
    pub(crate) async fn try_send(&self, question: impl Into<Question>) -> reqwest::Result<Reply> {
        Reply::read(self.chat(question).send().await?).await
    }

    /// The request that asks.
    pub(crate) fn chat(&self, question: impl Into<Question>) -> reqwest::RequestBuilder {
        let Question { body, key } = question.into();
        let request = self.request(Method::POST, "/chat").json(&body);
        match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        }
    }

    /// Asks, and gives whatever the server says.
    pub(crate) async fn send(&self, question: impl Into<Question>) -> Reply {
        self.try_send(question).await.unwrap()
    }

    /// Asks, and is answered.
    pub(crate) async fn ask(&self, question: impl Into<Question>) -> Answer {
        self.send(question).await.answer()
    }

    /// A new, empty conversation.
    pub(crate) async fn new_conversation(&self) -> Uuid {
        self.post("/api/v1/conversations", &json!({})).await.body::<Identified>(201).id
    }

    /// The caller's conversations, the latest first.
    pub(crate) async fn conversations(&self) -> Vec<Uuid> {
        let list: List<Identified> = self.get("/api/v1/conversations").await.body(200);
        assert!(!list.has_more);
        list.data.into_iter().map(|conversation| conversation.id).collect()
    }

    /// All turns of the conversation, in order.
    pub(crate) async fn turns(&self, conversation: Uuid) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/conversations/{conversation}/turns?limit=100{after}");
            let page: List<Turn> = self.get(&path).await.body(200);
            turns.extend(page.data);
            match page.last_id {
                Some(last) if page.has_more => after = format!("&after={last}"),
                _ => return turns,
            }
        }
    }

    /// So many new, empty conversations.
    pub(crate) async fn new_conversations(&self, count: usize) -> Vec<Uuid> {
        let mut made = Vec::new();
        for _ in 0..count {
            made.push(self.new_conversation().await);
        }
        made
    }

    /// The conversation's turns, once none of them runs any more.
    pub(crate) async fn settled_turns(&self, conversation: Uuid) -> Vec<Turn> {
        eventually("no turn is running", async || {
            let turns = self.turns(conversation).await;
            turns.iter().all(|turn| turn.status != "running").then_some(turns)
        })
        .await
    }

    /// One turn, once it runs no more.
    pub(crate) async fn ended_turn(&self, id: Uuid) -> Turn {
        eventually("the turn has ended", async || Some(self.turn(id).await).filter(|turn| turn.status != "running"))
            .await
    }

    /// Stops the turn.
    pub(crate) async fn cancel(&self, turn: Uuid) -> Reply {
        sent(self.request(Method::POST, &format!("/api/v1/turns/{turn}/cancel"))).await
    }

    /// One turn.
    pub(crate) async fn turn(&self, id: Uuid) -> Turn {
        self.get(&format!("/api/v1/turns/{id}")).await.body(200)
    }

    /// The turn that runs in the caller's only conversation, if one does, with the text that is stored of it.
    pub(crate) async fn running_turn(&self) -> Option<Turn> {
        let [conversation] = self.conversations().await[..] else { return None };
        self.turns(conversation).await.into_iter().find(|turn| turn.status == "running")
    }

    /// Ends the session.
    pub(crate) async fn log_out(&self) {
        let reply = sent(self.request(Method::POST, "/logout")).await;
        assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    }
}

impl Question {
    /// In that conversation.
    pub(crate) fn in_conversation(mut self, conversation: Uuid) -> Self {
        self.body["conversation_id"] = json!(conversation);
        self
    }

    /// With that field besides.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    /// With that `Idempotency-Key`.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

impl From<&str> for Question {
    fn from(text: &str) -> Self {
        Self { body: json!({"question": text}), key: None }
    }
}

/// Sends a request that must be answered.
pub(crate) async fn sent(request: reqwest::RequestBuilder) -> Reply {
    Reply::read(request.send().await.unwrap()).await.unwrap()
}
