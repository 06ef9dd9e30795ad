//! S7: a login makes a hash anew that is cheaper than those of today.

use crate::support::database::Backend;
use crate::support::installation::Installation;
use crate::support::on_both_stores;

on_both_stores!(s07_a_login_after_the_parameters_rose_makes_the_hash_anew);

async fn s07_a_login_after_the_parameters_rose_makes_the_hash_anew(backend: Backend) {
    let installation = Installation::new(backend);
    let hash = || installation.database().texts("SELECT hashed_password AS value FROM users")[0].clone().unwrap();
    let server = installation.start().await;
    server.client().newcomer("ada").await;
    let old = hash();
    assert!(old.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{old}");
    server.terminate();
    server.ended().await;

    let dearer = installation.clone().set("auth.argon2.memory_kib", 20_480).set("auth.argon2.iterations", 3);
    let server = dearer.start().await;
    assert_eq!(server.client().try_log_in("ada", "wrong horse battery staple").await.status, 400);
    assert_eq!(hash(), old, "who fails changes nothing");
    server.client().log_in("ada").await;
    let new = hash();
    assert!(new.starts_with("$argon2id$v=19$m=20480,t=3,p=1$"), "{new}");
    server.client().log_in("ada").await;
    assert_eq!(hash(), new, "once is enough");
    server.terminate();
    server.ended().await;

    // Parameters that were lowered again take nothing back.
    let server = installation.start().await;
    server.client().log_in("ada").await;
    assert_eq!(hash(), new);
}
