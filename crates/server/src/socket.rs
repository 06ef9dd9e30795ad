//! What is set on the socket of every client.

use std::any::Any;
use std::io;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

/// The most that is kept in the system for a client that does not read, in bytes. Linux doubles it, for its own
/// bookkeeping.
const SEND_BUFFER: usize = 32 * 1024;

/// After how much silence a client is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Bounds what a client that has gone, or does not read, can hold on to: after `stall` without an acknowledgement, or
/// with no room for more, the system ends its connection. actix bounds no writing.
pub(crate) fn bound(connection: &dyn Any, stall: Duration) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    if let Err(error) = set_options(stream, stall) {
        // Mostly the client has hung up already.
        tracing::debug!(%error, "a connection's limits could not be set");
    }
}

fn set_options(stream: &TcpStream, stall: Duration) -> io::Result<()> {
    let socket = SockRef::from(stream);
    // Or the second event of a stream would wait until the first is acknowledged, which clients put off for 40 ms.
    socket.set_tcp_nodelay(true)?;
    // Whoever waits for an answer is sent nothing until it is there: without this, one that vanished is not noticed.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(stall))?;
    socket.set_send_buffer_size(SEND_BUFFER)
}

#[cfg(test)]
mod tests {
    use actix_web::rt::net::TcpListener;

    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_connection_is_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        bound(&stream, STALL);
        let socket = SockRef::from(&stream);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(STALL));
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert!(socket.send_buffer_size().unwrap() <= 2 * SEND_BUFFER);
        drop(client);
    }
}
