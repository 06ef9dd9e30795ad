//! Signing keys rotate without an outage (S24).

use std::time::{Duration, Instant};

use crate::cli::assert_all;
use crate::support::client::Caller;
use crate::support::database::Backend;
use crate::support::installation::{Installation, Server};
use crate::support::on_both_stores;
use crate::support::waiting::eventually;

on_both_stores!(s24_keys_rotate_without_an_outage);

/// Keys are read every second; the rest is for a machine that has too much to do.
const SOON: Duration = Duration::from_secs(1 + 3);

async fn s24_keys_rotate_without_an_outage(backend: Backend) {
    let installation = Installation::new(backend);
    let mut servers = vec![installation.start().await];
    if backend == Backend::Postgres {
        servers.push(installation.start().await);
    }
    let before = servers[0].client().newcomer("ada").await;
    let old = kid(&before);

    let added = installation.run(&["keys", "add"]).await;
    let new = added.printed().trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_ne!(new, old);
    let mut with_new = Vec::new();
    for server in &servers {
        let caller = eventually("the new key signs", async || {
            let caller = server.client().log_in("ada").await;
            all_pass(&[&before, &caller], &servers).await;
            (kid(&caller) == new).then_some(caller)
        })
        .await;
        with_new.push(caller);
    }
    let with_new: Vec<&Caller> = with_new.iter().collect();
    all_pass(&with_new, &servers).await;

    installation.run(&["keys", "retire", &old]).await.printed();
    let retired = Instant::now();
    for server in &servers {
        let there = before.at(server);
        let refused = eventually("the old token is refused", async || {
            all_pass(&with_new, &servers).await;
            Some(there.get("/api/v1/me").await).filter(|reply| reply.status != 200)
        })
        .await;
        refused.problem(401, "invalid_token");
        assert!(retired.elapsed() < SOON, "still accepted {:?} after its key was retired", retired.elapsed());
    }

    let refused = installation.run(&["keys", "retire", &new]).await;
    assert_all(refused.complained(), &["no other key of the algorithm HS256 can be used", &new, "`colloquy keys add`"]);
    all_pass(&with_new, &servers).await;
}

/// Every token is accepted everywhere.
async fn all_pass(callers: &[&Caller], servers: &[Server]) {
    for server in servers {
        for caller in callers {
            let reply = caller.at(server).get("/api/v1/me").await;
            assert_eq!(reply.status, 200, "a token of {}: {}", kid(caller), reply.text);
        }
    }
}

/// The name of the key that signed the caller's token.
fn kid(caller: &Caller) -> String {
    jsonwebtoken::decode_header(caller.token()).unwrap().kid.unwrap()
}
