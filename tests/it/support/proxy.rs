//! A TCP proxy in front of a server, which can lose its answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes bytes both ways until it is told to lose the next answer.
pub(crate) struct Proxy {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Pass,
    /// What the server says next is not passed on; the connection is closed instead, and no other is made.
    LoseAnAnswer,
    Refuse,
}

impl Proxy {
    /// A proxy in front of `server`.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(Mood::Pass));
        let of_thread = mood.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if *of_thread.lock().unwrap() != Mood::Refuse {
                    connect(client, server, &of_thread);
                }
            }
        });
        Self { address, mood }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn lose_the_next_answer(&self) {
        *self.mood.lock().unwrap() = Mood::LoseAnAnswer;
    }

    pub(crate) fn has_lost_an_answer(&self) -> bool {
        *self.mood.lock().unwrap() == Mood::Refuse
    }

    pub(crate) fn heal(&self) {
        *self.mood.lock().unwrap() = Mood::Pass;
    }
}

fn connect(client: TcpStream, server: SocketAddr, mood: &Arc<Mutex<Mood>>) {
    let Ok(upstream) = TcpStream::connect(server) else { return };
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || {
        // Either end may close at any time; that is the end of this direction.
        let _ended = std::io::copy(&mut from_client, &mut to_server);
        let _closed = to_server.shutdown(Shutdown::Write);
    });
    let mood = mood.clone();
    thread::spawn(move || answer(upstream, client, &mood));
}

fn answer(mut server: TcpStream, mut client: TcpStream, mood: &Mutex<Mood>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = server.read(&mut bytes) {
        {
            let mut mood = mood.lock().unwrap();
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
