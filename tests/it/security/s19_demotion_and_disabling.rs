//! Demoting and disabling somebody reaches what they have open, here and on other replicas.

use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::sse::{EventStream, Transcript};

on_both_stores!(whoever_is_disabled_is_out_at_once_and_their_turns_stop, whoever_is_demoted_has_to_log_in_again);

/// A second is the promise; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(1 + 3);

struct Scene {
    _servers: Vec<Server>,
    root: Caller,
    ada: Caller,
    turn: Uuid,
    stream: EventStream,
    heard: Transcript,
}

impl Scene {
    /// Ada, an administrator like root, reads an answer that takes its time; she and root are at those servers.
    async fn set(installation: &Installation, replicas: usize) -> Self {
        installation.make_admin("root").await;
        installation.make_admin("ada").await;
        let mut servers = Vec::new();
        for _ in 0..replicas {
            servers.push(installation.start().await);
        }
        let ada = servers[0].client().log_in("ada").await;
        let root = servers[replicas - 1].client().log_in("root").await;
        let mut stream = ada.stream("Why?").await.unwrap();
        let mut heard = Transcript::default();
        heard.hear_until(&mut stream, "turn.delta").await;
        Self { turn: heard.turn_id().unwrap(), _servers: servers, root, ada, stream, heard }
    }

    async fn change(&self, change: serde_json::Value) {
        let path = format!("/api/v1/admin/users/{}", self.ada.user_id().await);
        assert_eq!(self.root.patch(&path, &change).await.status, 204);
    }

    /// The name of the last event.
    async fn last(&mut self) -> &str {
        self.heard.hear_all(&mut self.stream).await;
        &self.heard.events.last().unwrap().name
    }
}

async fn whoever_is_disabled_is_out_at_once_and_their_turns_stop(backend: Backend) {
    let installation = Installation::new(backend).answering(200, 50);
    let mut scene = Scene::set(&installation, 1).await;
    let (_, key) = scene.ada.new_key(&["conversations:read"]).await;
    let mut socket = scene.ada.web_socket().await.unwrap();
    let mut of_key = key.web_socket().await.unwrap();
    scene.change(json!({"is_active": false})).await;
    let disabled = Instant::now();
    scene.ada.get("/api/v1/me").await.problem(401, "invalid_token");
    key.get("/api/v1/conversations").await.problem(401, "invalid_token");
    assert_eq!((socket.closed().await, of_key.closed().await), (4401, 4401));
    let last = scene.last().await.to_owned();
    assert!(["session.ended", "turn.cancelled"].contains(&last.as_str()), "{last}");
    assert!(disabled.elapsed() < SOON, "it took {:?}", disabled.elapsed());
    let status = format!("SELECT status AS value FROM turns WHERE id = '{}' AND completed_at IS NOT NULL", scene.turn);
    let status = crate::support::waiting::eventually("the turn has ended", async || {
        installation.database().texts(&status).into_iter().flatten().next()
    });
    assert_eq!(status.await, "cancelled");
    assert_eq!(scene.ada.client().try_log_in("ada", crate::support::client::PASSWORD).await.status, 400);
    assert_eq!(scene.ada.client().refresh(&scene.ada.refresh_token).await.status, 400);

    scene
        .root
        .patch(&format!("/api/v1/admin/users/{}", id_of(&installation, "ada")), &json!({"is_active": true}))
        .await;
    assert_eq!(scene.ada.client().log_in("ada").await.get("/api/v1/me").await.status, 200);
    scene.ada.get("/api/v1/me").await.problem(401, "invalid_token");
}

async fn whoever_is_demoted_has_to_log_in_again(backend: Backend) {
    let installation = Installation::new(backend).answering(100, 20);
    let mut scene = Scene::set(&installation, 1).await;
    let (_, key) = scene.ada.new_key(&["users:read", "profile:read"]).await;
    let mut socket = scene.ada.web_socket().await.unwrap();
    assert_eq!(key.get("/api/v1/admin/users").await.status, 200);
    scene.change(json!({"role": "user"})).await;
    let demoted = Instant::now();
    scene.ada.get("/api/v1/admin/users").await.problem(401, "invalid_token");
    key.get("/api/v1/admin/users").await.problem(403, "forbidden");
    assert_eq!(key.get("/api/v1/me").await.json()["role"], "user", "the key passes on what is left");
    assert_eq!(socket.closed().await, 4401);
    assert_eq!(scene.last().await, "session.ended");
    assert!(demoted.elapsed() < SOON, "it took {:?}", demoted.elapsed());
    let again = scene.ada.client().log_in("ada").await;
    again.get("/api/v1/admin/users").await.problem(403, "forbidden");
    assert_eq!(again.ended_turn(scene.turn).await.status, "completed", "the question was asked with every right");
}

#[tokio::test]
async fn it_reaches_the_other_replica_within_a_second() {
    let installation = Installation::new(Backend::Postgres).answering(200, 50);
    let mut scene = Scene::set(&installation, 2).await;
    let mut socket = scene.ada.web_socket().await.unwrap();
    scene.change(json!({"is_active": false})).await;
    let disabled = Instant::now();
    assert_eq!(socket.closed().await, 4401);
    let last = scene.last().await.to_owned();
    assert!(["session.ended", "turn.cancelled"].contains(&last.as_str()), "{last}");
    assert!(disabled.elapsed() < SOON, "it took {:?}", disabled.elapsed());
    let ada = scene.ada.clone();
    crate::support::waiting::eventually("the other replica refuses her token", async || {
        (ada.get("/api/v1/me").await.status == 401).then_some(())
    })
    .await;
}

fn id_of(installation: &Installation, name: &str) -> String {
    let id = format!("SELECT CAST(id AS text) AS value FROM users WHERE username = '{name}'");
    installation.database().texts(&id).into_iter().flatten().next().unwrap()
}
