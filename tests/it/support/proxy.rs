//! A TCP proxy in front of a server, which can lose its answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Passes bytes both ways until it is told to lose the next answer.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Pass,
    /// What the server says next is not passed on; the connection is closed instead, and no other is made.
    LoseAnAnswer,
    Refuse,
    /// What the server says is held back. The kernel goes on acknowledging what it receives.
    Silence,
}

#[derive(Default)]
struct State {
    mood: Mutex<Mood>,
    changed: Condvar,
}

impl State {
    fn turn(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
        self.changed.notify_all();
    }

    fn is(&self, mood: Mood) -> bool {
        *self.mood.lock().unwrap() == mood
    }
}

impl Proxy {
    /// A proxy in front of `server`.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let of_thread = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !of_thread.is(Mood::Refuse) {
                    connect(client, server, &of_thread);
                }
            }
        });
        Self { address, state }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn lose_the_next_answer(&self) {
        self.state.turn(Mood::LoseAnAnswer);
    }

    pub(crate) fn has_lost_an_answer(&self) -> bool {
        self.state.is(Mood::Refuse)
    }

    pub(crate) fn fall_silent(&self) {
        self.state.turn(Mood::Silence);
    }

    pub(crate) fn heal(&self) {
        self.state.turn(Mood::Pass);
    }
}

fn connect(client: TcpStream, server: SocketAddr, state: &Arc<State>) {
    let Ok(upstream) = TcpStream::connect(server) else { return };
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || {
        // Either end may close at any time; that is the end of this direction.
        let _ended = std::io::copy(&mut from_client, &mut to_server);
        let _closed = to_server.shutdown(Shutdown::Write);
    });
    let state = state.clone();
    thread::spawn(move || answer(upstream, client, &state));
}

fn answer(mut server: TcpStream, mut client: TcpStream, state: &State) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = server.read(&mut bytes) {
        {
            let mood = state.mood.lock().unwrap();
            let mut mood = state.changed.wait_while(mood, |mood| *mood == Mood::Silence).unwrap();
            if *mood == Mood::LoseAnAnswer {
                *mood = Mood::Refuse;
            }
            if *mood == Mood::Refuse {
                break;
            }
        }
        if client.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _closed = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}
