//! A model server that is none: it streams OpenAI's chat completions as fast as anything can, so that what is measured
//! is the way to it and not the model. It is a process of its own, as the load is.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::leash::Leash;
use crate::failure::{Context as _, Result};
use crate::postgres::free_port;

/// What it answers with. After the first token it takes its time, as models do: tokens that follow at once would
/// compete with the first for the processors.
const TOKENS: [&str; 4] = ["You", " asked", " me", " that."];
const TOKEN: Duration = Duration::from_millis(1);

/// A question is a few kilobytes; more is nobody who belongs here.
const MAX_BODY: usize = 1024 * 1024;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
/// For whoever wants to know whether it is there.
const MODELS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 24\r\n\r\n{\"data\":[{\"id\":\"fake\"}]}";

#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long)]
    address: SocketAddr,
}

/// Parent's side.
pub(crate) fn start(directory: &Path) -> Result<(Leash, SocketAddr)> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let own = std::env::current_exe().context(|| "cannot find xtask's own executable".into())?;
    let mut command = Command::new(own);
    command.args(["upstream", "--address", &address.to_string()]);
    let leash = Leash::start("upstream", &command, directory)?;
    leash.wait_ready(address, "/v1/models", Duration::from_secs(10))?;
    Ok((leash, address))
}

/// Child's side: serves until it is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let listening = || format!("cannot listen on {}", options.address);
    let listener = TcpListener::bind(options.address).context(listening)?;
    serve(&listener).context(listening)
}

fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        // A client that goes away, or speaks something else, ends its own connection only.
        thread::Builder::new().stack_size(128 * 1024).spawn(move || converse(stream).is_ok())?;
    }
}

/// Answers one request after another over a connection that is kept alive.
fn converse(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(asks) = take_request(&mut stream)? {
        if asks { answer(stream.get_mut())? } else { stream.get_mut().write_all(MODELS.as_bytes())? }
    }
    Ok(())
}

/// Reads a request; `None` once there is none, and whether it asks a question.
fn take_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<bool>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let asks = line.starts_with("POST /v1/chat/completions ");
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let value = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let Some((_, value)) = value {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    if length > MAX_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.read_exact(&mut vec![0; length])?;
    Ok(Some(asks))
}

fn answer(stream: &mut TcpStream) -> io::Result<()> {
    let opening = chunk(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#);
    stream.write_all(format!("{HEAD}{opening}").as_bytes())?;
    for (number, token) in TOKENS.iter().enumerate() {
        if number > 0 {
            thread::sleep(TOKEN);
        }
        let said = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{token}"}},"finish_reason":null}}]}}"#);
        stream.write_all(chunk(&said).as_bytes())?;
    }
    // In one piece: a client that stops reading at [DONE] has the end of the body as well, and keeps the connection.
    let stop = chunk(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
    let usage = chunk(r#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16}}"#);
    stream.write_all(format!("{stop}{usage}{}0\r\n\r\n", chunk("[DONE]")).as_bytes())
}

/// An event in a chunk of the response.
fn chunk(data: &str) -> String {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bench::http::{self, Connection};

    /// The same in a thread of the test, which ends with the test's process.
    pub(crate) fn in_a_thread() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener));
        address
    }

    #[test]
    fn a_plain_reader_understands_what_it_streams() {
        let mut stream = TcpStream::connect(in_a_thread()).unwrap();
        let request = http::request("POST", "/v1/chat/completions", None, Some(("application/json", "{}")));
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{said}");
        assert!(said.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "{said}");
        let data = said.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        let chunks: Vec<serde_json::Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
        let text = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
        assert_eq!(text.collect::<String>(), "You asked me that.");
        assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunks[chunks.len() - 1]["usage"]["completion_tokens"], 4);
    }

    #[test]
    fn it_says_that_it_is_there_over_a_connection_that_is_kept() {
        let mut connection = Connection::open(in_a_thread()).unwrap();
        for _ in 0..2 {
            let response = connection.exchange(http::request("GET", "/v1/models", None, None).as_bytes()).unwrap();
            assert!(response.is_success());
            let models: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(models["data"][0]["id"], "fake");
        }
    }
}
