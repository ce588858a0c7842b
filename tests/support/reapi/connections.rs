//! The connections that are open, so that they can be cut.

use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio_stream::Stream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;

use super::State;

#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Vec<std::net::TcpStream>>,
    /// Whether nobody gets in, and nobody hears anything any more.
    is_closed: AtomicBool,
}

impl Connections {
    /// Cuts all of them.
    pub(super) fn cut(&self) {
        for connection in self.open.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Lets nobody in from here on, or everybody again.
    pub(super) fn set_closed(&self, is_closed: bool) {
        self.is_closed.store(is_closed, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Notes a connection, and whether it may be.
    fn take(&self, connection: std::net::TcpStream) -> bool {
        let mut open = self.open.lock().unwrap();
        open.push(connection);
        !self.is_closed()
    }
}

/// What comes in, noted. Needs to be within a runtime.
pub(super) fn incoming(
    listener: TcpListener,
    state: Arc<State>,
) -> impl Stream<Item = std::io::Result<tokio::net::TcpStream>> {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    TcpListenerStream::new(listener).map(move |stream| {
        let stream = stream?.into_std()?;
        if !state.connections.take(stream.try_clone()?) {
            stream.shutdown(Shutdown::Both)?;
        }
        stream.set_nodelay(true)?;
        tokio::net::TcpStream::from_std(stream)
    })
}
