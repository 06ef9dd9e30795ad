//! The real binary, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::waiting::within_patience;

/// The binary, which Cargo builds together with the tests.
const BINARY: &str = env!("CARGO_BIN_EXE_colloquy-under-test");

/// A running process. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: UnboundedReceiver<Line>,
    out: String,
    err: String,
}

/// A process that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// All that it wrote to stdout.
    pub(crate) out: String,
    /// All that it wrote to stderr.
    pub(crate) err: String,
}

enum Line {
    Out(String),
    Err(String),
}

/// The command that runs the binary, with none of this process's variables: no provider's key, no setting.
pub(crate) fn binary() -> Command {
    binary_started_by(&[])
}

/// The same as the argument of another command, if there is one.
pub(crate) fn binary_started_by(wrapper: &[String]) -> Command {
    let mut words = wrapper.iter().map(String::as_str).chain([BINARY]);
    let mut command = Command::new(words.next().unwrap_or(BINARY));
    command.args(words).env_clear();
    command
}

impl Process {
    /// Starts the command, gives it `input` to read, and reads whatever it writes, so that it never waits for us.
    pub(crate) fn spawn(command: &mut Command, input: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that ends without reading is none of our business.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (sender, lines) = unbounded_channel();
        forward(child.stdout.take().unwrap(), Line::Out, sender.clone());
        forward(child.stderr.take().unwrap(), Line::Err, sender);
        Self { child, lines, out: String::new(), err: String::new() }
    }

    /// The next line of stdout; `None` if the process ended instead.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        loop {
            let line = within_patience("a line on stdout", self.lines.recv()).await?;
            if let Some(line) = self.keep(line) {
                return Some(line);
            }
        }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the signal of that name, as `kill` knows it.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn ended(mut self) -> Ended {
        // Both pipes close with the process; from then on waiting for it is a matter of collecting its code.
        while let Some(line) = within_patience("the end of the process", self.lines.recv()).await {
            self.keep(line);
        }
        let code = self.child.wait().unwrap().code();
        Ended { code, out: std::mem::take(&mut self.out), err: std::mem::take(&mut self.err) }
    }

    fn keep(&mut self, line: Line) -> Option<String> {
        match line {
            Line::Out(line) => {
                self.out.push_str(&line);
                Some(line.trim_end().to_owned())
            }
            Line::Err(line) => {
                self.err.push_str(&line);
                None
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL; one that has ended already does not mind.
        let _ended = self.child.kill();
        let _code = self.child.wait();
        if thread::panicking() {
            while let Ok(line) = self.lines.try_recv() {
                self.keep(line);
            }
            eprintln!("--- stdout of {}\n{}--- its stderr\n{}---", self.child.id(), self.out, self.err);
        }
    }
}

fn forward(pipe: impl Read + Send + 'static, kind: fn(String) -> Line, lines: UnboundedSender<Line>) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        // Once the test has what it wanted nobody listens, but the process must still be able to write.
        while pipe.read_line(&mut line).is_ok_and(|read| read > 0) {
            let _unheard = lines.send(kind(std::mem::take(&mut line)));
        }
    });
}
