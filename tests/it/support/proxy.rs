//! A TCP proxy in front of a server, which fails as networks do: at once, silently, slowly, or in mid-sentence.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Passes bytes both ways until it is told otherwise.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// What becomes of bytes, and of connections.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Pass,
    /// What the server says next is not passed on; its connection is closed instead.
    LoseAnAnswer(Afterwards),
    /// No connection is made, and what the server still says is not passed on.
    Refuse,
    /// What the server says is held back. The kernel goes on acknowledging what it receives.
    Silence,
    /// Nothing is passed on either way, as if every packet were dropped, and new connections lead nowhere.
    BlackHole,
    /// Every piece is passed on so much later.
    Delay(Duration),
    /// Once so many more bytes have gone that way, over whatever connection, all connections are cut.
    CutAfter(Direction, usize),
}

/// What follows a lost answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// The server stays out of reach.
    Refuse,
    /// Whoever connects again is let through.
    Pass,
}

#[derive(Default)]
struct State {
    within: Mutex<Within>,
    changed: Condvar,
}

#[derive(Default)]
struct Within {
    mood: Mood,
    answers_lost: usize,
    /// Both ends of every connection that is open, and perhaps of some that have just ended.
    connections: Vec<TcpStream>,
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
                if of_thread.mood() != Mood::Refuse {
                    connect(&client, server, &of_thread);
                }
            }
        });
        Self { address, state }
    }

    /// A proxy in front of the server of that URL, and the URL that leads through it.
    pub(crate) fn before(url: &str) -> (Self, String) {
        let server: SocketAddr = url.split_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
        let proxy = Self::start(server);
        let through = url.replace(&server.to_string(), &proxy.address.to_string());
        (proxy, through)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next answer is lost with its connection, and no other is made until it is told to heal.
    pub(crate) fn lose_the_next_answer(&self) {
        self.lose_the_next_answer_and(Afterwards::Refuse);
    }

    pub(crate) fn lose_the_next_answer_and(&self, afterwards: Afterwards) {
        self.state.turn(Mood::LoseAnAnswer(afterwards));
    }

    pub(crate) fn has_lost_an_answer(&self) -> bool {
        self.answers_lost() > 0
    }

    /// How many answers were lost since it was started.
    pub(crate) fn answers_lost(&self) -> usize {
        self.state.within.lock().unwrap().answers_lost
    }

    /// Closes every connection, now. New ones are made as before.
    pub(crate) fn cut(&self) {
        self.state.within.lock().unwrap().cut();
    }

    /// Closes every connection and makes no other.
    pub(crate) fn refuse(&self) {
        self.state.turn(Mood::Refuse);
        self.cut();
    }

    /// Holds back whatever the server says.
    pub(crate) fn fall_silent(&self) {
        self.state.turn(Mood::Silence);
    }

    /// Passes nothing on, either way.
    pub(crate) fn swallow(&self) {
        self.state.turn(Mood::BlackHole);
    }

    /// Passes every piece on so much later.
    pub(crate) fn delay(&self, by: Duration) {
        self.state.turn(Mood::Delay(by));
    }

    /// Closes every connection once so many more bytes have gone that way. New ones are made as before.
    pub(crate) fn cut_after(&self, direction: Direction, bytes: usize) {
        self.state.turn(Mood::CutAfter(direction, bytes));
    }

    /// Passes everything on from now on, and what was held back first.
    pub(crate) fn heal(&self) {
        self.state.turn(Mood::Pass);
    }
}

impl State {
    fn mood(&self) -> Mood {
        self.within.lock().unwrap().mood
    }

    fn turn(&self, mood: Mood) {
        self.within.lock().unwrap().mood = mood;
        self.changed.notify_all();
    }

    /// How many of so many bytes may be passed on that way, once any may; `None` ends their connection.
    fn admit(&self, direction: Direction, bytes: usize) -> Option<usize> {
        let holds_back = |within: &mut Within| {
            within.mood == Mood::BlackHole || (within.mood == Mood::Silence && direction == Direction::ToClient)
        };
        let mut within = self.changed.wait_while(self.within.lock().unwrap(), holds_back).unwrap();
        match within.mood {
            Mood::Refuse if direction == Direction::ToClient => None,
            Mood::LoseAnAnswer(afterwards) if direction == Direction::ToClient => {
                within.answers_lost += 1;
                within.mood = if afterwards == Afterwards::Refuse { Mood::Refuse } else { Mood::Pass };
                None
            }
            Mood::CutAfter(of, left) if of == direction && left <= bytes => {
                within.mood = Mood::Pass;
                Some(left)
            }
            Mood::CutAfter(of, left) if of == direction => {
                within.mood = Mood::CutAfter(of, left - bytes);
                Some(bytes)
            }
            Mood::Delay(by) => {
                drop(within);
                thread::sleep(by);
                Some(bytes)
            }
            _ => Some(bytes),
        }
    }
}

impl Within {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            // The other side may have been faster.
            let _closed = connection.shutdown(Shutdown::Both);
        }
    }
}

fn connect(client: &TcpStream, server: SocketAddr, state: &Arc<State>) {
    let Ok(upstream) = TcpStream::connect(server) else { return };
    {
        let mut within = state.within.lock().unwrap();
        within.connections.retain(|end| end.peer_addr().is_ok());
        within.connections.extend([client, &upstream].map(|end| end.try_clone().unwrap()));
    }
    for (direction, from, to) in [(Direction::ToServer, client, &upstream), (Direction::ToClient, &upstream, client)] {
        let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), state.clone());
        thread::spawn(move || pass_on(direction, from, to, &state));
    }
}

fn pass_on(direction: Direction, mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let Some(admitted) = state.admit(direction, count) else { break };
        if to.write_all(&bytes[..admitted]).is_err() {
            break;
        }
        if admitted < count {
            // The bytes in between were the last that anybody is to see.
            state.within.lock().unwrap().cut();
            break;
        }
    }
    if direction == Direction::ToServer {
        // What the server still has to say is the other direction's.
        let _closed = to.shutdown(Shutdown::Write);
    } else {
        let _closed = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
    }
}

/// A server that says back what it hears, one connection after the other.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut client.try_clone().unwrap(), &mut &client));
        }
    });
    address
}

#[test]
fn each_mood_does_what_it_says() {
    let proxy = Proxy::start(echo());
    let connect = || {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    let mut heard = [0; 8];
    let mut stream = connect();
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut heard[..5]).unwrap();
    proxy.cut();
    assert!(matches!(stream.read(&mut heard), Ok(0) | Err(_)), "it is cut at once");

    for (direction, left) in [(Direction::ToServer, 3), (Direction::ToClient, 5)] {
        let mut stream = connect();
        proxy.cut_after(direction, left);
        stream.write_all(b"12345678").unwrap();
        let mut text = Vec::new();
        let _cut = stream.read_to_end(&mut text);
        assert!("12345678".as_bytes().starts_with(&text) && text.len() <= left, "{text:?}");
    }

    let mut stream = connect();
    proxy.swallow();
    stream.write_all(b"later").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(stream.read(&mut heard).is_err(), "nothing comes through");
    proxy.heal();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.read_exact(&mut heard[..5]).unwrap();
    assert_eq!(&heard[..5], b"later");

    proxy.lose_the_next_answer_and(Afterwards::Pass);
    stream.write_all(b"lost").unwrap();
    assert!(matches!(stream.read(&mut heard), Ok(0) | Err(_)));
    let mut stream = connect();
    let begun = std::time::Instant::now();
    proxy.delay(Duration::from_millis(50));
    stream.write_all(b"slow").unwrap();
    stream.read_exact(&mut heard[..4]).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "late on both ways");

    proxy.refuse();
    assert!(matches!(stream.read(&mut heard), Ok(0) | Err(_)));
    assert!(matches!(connect().read(&mut heard), Ok(0) | Err(_)));
}
