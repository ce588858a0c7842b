//! What the machine's network card is connected to, and ports of this machine that lead into it.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

use crate::diagnostic::Diagnostic;

/// What the machine's network card is connected to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// A network of its own, in which this machine is 10.0.2.2; needs no privileges.
    #[default]
    User,
    /// A bridge of this machine.
    Bridge(String),
    /// A tap device of this machine.
    Tap(String),
    /// Nothing: there is no card.
    None,
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => formatter.write_str("a network of its own"),
            Self::Bridge(name) => write!(formatter, "bridge {name}"),
            Self::Tap(name) => write!(formatter, "tap {name}"),
            Self::None => formatter.write_str("no network"),
        }
    }
}

/// What is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A port of this machine that leads to one of the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// What is forwarded.
    pub protocol: Protocol,
    /// The address of this machine that is listened at.
    pub address: Ipv4Addr,
    /// The port there.
    pub host: u16,
    /// The guest's port.
    pub guest: u16,
}

impl Forward {
    /// A TCP port that only this machine reaches.
    pub fn local(host: u16, guest: u16) -> Self {
        Self {
            protocol: Protocol::Tcp,
            address: Ipv4Addr::LOCALHOST,
            host,
            guest,
        }
    }

    /// As QEMU writes it.
    pub(super) fn rule(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        format!(
            "hostfwd={protocol}:{}:{}-:{}",
            self.address, self.host, self.guest
        )
    }
}

impl FromStr for Forward {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write `HOST:GUEST`, such as `8080:80`; an IPv4 address may stand before it (`0.0.0.0:8080:80`), `/udp` behind it";
        let (ports, protocol) = match text.rsplit_once('/') {
            None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some(_) => return Err(FORM),
        };
        let parts: Vec<&str> = ports.split(':').collect();
        let (address, host, guest) = match parts.as_slice() {
            [host, guest] => (Ipv4Addr::LOCALHOST, host, guest),
            [address, host, guest] => (address.parse().map_err(|_| FORM)?, host, guest),
            _ => return Err(FORM),
        };
        let port = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or(FORM);
        Ok(Self {
            protocol,
            address,
            host: port(host)?,
            guest: port(guest)?,
        })
    }
}

/// Refuses a network of this machine that is not there.
pub(super) fn look(network: &Network) -> Result<(), Diagnostic> {
    let (name, what, mark, make) = match network {
        Network::User | Network::None => return Ok(()),
        Network::Bridge(name) => (
            name,
            "bridge",
            "bridge",
            format!("ip link add {name} type bridge && ip link set {name} up"),
        ),
        Network::Tap(name) => (
            name,
            "tap device",
            "tun_flags",
            format!("ip tuntap add {name} mode tap user \"$USER\" && ip link set {name} up"),
        ),
    };
    let is_name = !name.is_empty() && !name.contains(['/', ',', '=']) && !name.starts_with('.');
    if is_name && Path::new("/sys/class/net").join(name).join(mark).exists() {
        return Ok(());
    }
    Err(Diagnostic::error(
        "zosc::boot::no-such-network",
        format!("this machine has no {what} `{name}`"),
    )
    .help(format!(
        "make it, as root: `{make}`; or take the network that needs nothing: `--user-net`"
    )))
}
