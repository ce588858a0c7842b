//! Asks ports of this machine whether somebody answers there.

use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ureq::Agent;

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// Nobody took it, or it was closed without a word.
    Closed,
    /// It stands, and nothing was said for as long as was waited.
    Silent,
    /// The first thing that was said.
    Said(Vec<u8>),
}

/// A TCP port of this machine that nobody listens at; somebody else may take it before it is used.
///
/// # Errors
/// There is none left.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Connects to a port of this machine and listens, for at most as long as `patience`; `silent` is called while the connection stands.
pub fn knock<T>(port: u16, patience: Duration, silent: impl FnOnce() -> T) -> (Knock, Option<T>) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, patience);
    let Some(mut stream) = stream
        .ok()
        .filter(|stream| stream.set_read_timeout(Some(patience)).is_ok())
    else {
        return (Knock::Closed, None);
    };
    let mut buffer = [0; 256];
    match stream.read(&mut buffer) {
        Ok(count) if count > 0 => {
            let said = buffer.get(..count).unwrap_or_default().to_vec();
            (Knock::Said(said), None)
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            (Knock::Silent, Some(silent()))
        }
        _ => (Knock::Closed, None),
    }
}

/// The status that an HTTP server at a port of this machine answers with; redirections are not followed.
///
/// # Errors
/// Nobody answers within `patience`, or not in HTTP; the reason is for people.
pub fn http_status(port: u16, path: &str, patience: Duration) -> Result<u16, String> {
    let agent: Agent = Agent::config_builder()
        .user_agent(concat!("zosc/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(patience))
        .build()
        .new_agent();
    let answer = agent.get(format!("http://127.0.0.1:{port}{path}")).call();
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| error.to_string())
}
