use std::net::TcpStream;

use super::*;

fn installation() -> Installation {
    Installation::find().expect("no PostgreSQL 14 or later here; install it with `cargo xtask setup`")
}

#[test]
fn a_cluster_answers_and_is_gone_when_dropped() {
    let cluster = Cluster::start(&installation(), &std::env::temp_dir(), Durability::Process).unwrap();
    let port = cluster.port();
    let directory = cluster.directory().to_owned();
    assert!(cluster.url("postgres").ends_with(&format!("@127.0.0.1:{port}/postgres")));
    let asked = "SELECT rolsuper, current_setting('fsync'), current_setting('synchronous_commit') \
                 FROM pg_roles WHERE rolname = current_user";
    assert_eq!(cluster.sql("postgres", asked).unwrap(), "t|off|on");

    drop(cluster);

    assert!(!directory.exists(), "{} is still there", directory.display());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "something still listens on {port}");
}

#[test]
fn the_server_is_never_root_and_its_statements_fail_loudly() {
    let cluster = Cluster::start(&installation(), &std::env::temp_dir(), Durability::Full).unwrap();
    assert_eq!(cluster.sql("postgres", "SELECT current_setting('fsync')").unwrap(), "on");
    let pid_file = fs::read_to_string(cluster.directory().join("data/postmaster.pid")).unwrap();
    let pid = pid_file.lines().next().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let owner = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    assert!(owner.split_whitespace().skip(1).all(|uid| uid != "0"), "{owner}");
    let refused = cluster.sql("postgres", "SELECT 1 / 0").unwrap_err().to_string();
    assert!(refused.contains("division by zero"), "{refused}");
}

/// A killed xtask drops nothing: its end of the pipe closes, and that alone has to be enough.
#[test]
fn the_end_of_the_pipe_alone_stops_the_server() {
    let mut cluster = Cluster::start(&installation(), &std::env::temp_dir(), Durability::Process).unwrap();
    drop(cluster.leash.take());
    assert!(cluster.supervisor.wait().unwrap().success());
    assert!(TcpStream::connect(("127.0.0.1", cluster.port())).is_err());
    assert!(!cluster.directory().join("data").exists());
}
