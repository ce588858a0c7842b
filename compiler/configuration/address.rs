//! The address of a server: `grpc://HOST:PORT`, or `grpcs://HOST[:PORT]` with TLS.

/// The port of an encrypted address that names none.
const ENCRYPTED_PORT: u16 = 443;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether TLS is spoken.
    pub is_encrypted: bool,
    /// A name or a number; one of IPv6 in brackets.
    host: String,
    port: u16,
}

/// What is wrong with an address: the fact, and what to write instead, where that can be told.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The fact; none of the address is in it that may be a secret.
    pub why: String,
    /// What to write.
    pub instead: Option<String>,
}

impl Wrong {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            instead: None,
        }
    }

    fn write(self, instead: impl Into<String>) -> Self {
        Self {
            instead: Some(instead.into()),
            ..self
        }
    }
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// What is wrong with one that is not a server's and nothing else.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text));
        };
        // Before anything is proposed: a proposal would show it.
        if rest.contains('@') {
            return Err(Wrong::because("it carries a user name or password"));
        }
        let is_encrypted = match scheme {
            "grpc" => false,
            "grpcs" => true,
            "https" | "http" => {
                let scheme = if scheme == "http" { "grpc" } else { "grpcs" };
                return Err(Wrong::because("the API is no website")
                    .write(format!("{scheme}://{}", rest.trim_end_matches('/'))));
            }
            _ => {
                return Err(Wrong::because(
                    "it starts with neither `grpcs://` nor `grpc://`",
                ));
            }
        };
        if let Some((host, path)) = rest.split_once(['/', '?', '#']) {
            let wrong = Wrong::because("nothing follows the port");
            let clean = format!("{scheme}://{host}");
            return Err(match path {
                "" => wrong.write(clean),
                _ => Wrong::because("nothing follows the port; an instance has its own setting"),
            });
        }
        let (host, port) = host_and_port(rest, is_encrypted)?;
        Ok(Self {
            is_encrypted,
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    /// Whether what is sent there does not leave this machine.
    pub(super) fn is_here(&self) -> bool {
        let number = self.host.trim_start_matches('[').trim_end_matches(']');
        let number = number.parse::<std::net::IpAddr>();
        self.host == "localhost" || number.is_ok_and(|number| number.is_loopback())
    }

    /// The host and the port, as a URI has them.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The host, for messages.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

fn without_scheme(text: &str) -> Wrong {
    let wrong = Wrong::because("it does not start with `grpcs://` or `grpc://`");
    let encrypted = format!("grpcs://{text}");
    match Address::read(&encrypted) {
        Ok(_) => wrong.write(encrypted),
        Err(_) => wrong,
    }
}

fn host_and_port(rest: &str, is_encrypted: bool) -> Result<(&str, u16), Wrong> {
    // The colons of a bracketed number are its own.
    let bracket = rest.rfind(']').unwrap_or(0);
    let colon = rest.get(bracket..).and_then(|tail| tail.rfind(':'));
    let (host, port) = match colon {
        Some(at) => rest.split_at(bracket + at),
        None => (rest, ""),
    };
    if !is_host(host) {
        return Err(Wrong::because(match host {
            "" => "it names no host".to_owned(),
            _ => format!("`{host}` is no host"),
        }));
    }
    match port.strip_prefix(':') {
        None if is_encrypted => Ok((host, ENCRYPTED_PORT)),
        None => Err(Wrong::because("it names no port").write(format!("grpc://{host}:8980"))),
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 => Ok((host, port)),
            _ => Err(Wrong::because(format!("`{digits}` is no port"))),
        },
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or_default();
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_are_taken_apart() {
        for (text, is_encrypted, host, port) in [
            ("grpc://localhost:8980", false, "localhost", 8980),
            ("grpcs://Build.Example", true, "build.example", 443),
            ("grpcs://10.0.0.7:50051", true, "10.0.0.7", 50051),
            ("grpc://[::1]:50051", false, "[::1]", 50051),
            ("grpcs://[fe80::1]", true, "[fe80::1]", 443),
        ] {
            let host = host.to_owned();
            let wanted = Address {
                is_encrypted,
                host,
                port,
            };
            assert_eq!(Address::read(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        for (text, instead) in [
            ("build.example:443", Some("grpcs://build.example:443")),
            ("https://build.example/", Some("grpcs://build.example")),
            ("http://localhost:8980", Some("grpc://localhost:8980")),
            ("grpc://build.example", Some("grpc://build.example:8980")),
            (
                "grpcs://build.example:443/",
                Some("grpcs://build.example:443"),
            ),
            ("grpcs://build.example/main", None),
            ("grpcs://me:pw@build.example", None),
            ("https://me:pw@build.example", None),
            ("me:pw@build.example", None),
            ("grpcs://", None),
            ("grpcs://:443", None),
            ("grpcs://a b:443", None),
            ("grpcs://build.example:0", None),
            ("grpcs://build.example:99999", None),
            ("grpcs://[::1", None),
            ("unix:/run/casd", None),
            ("", None),
        ] {
            let wrong = Address::read(text).expect_err(text);
            assert_eq!(wrong.instead.as_deref(), instead, "{text}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_is_known() {
        for (text, here) in [
            ("grpc://localhost:1", true),
            ("grpc://127.0.0.1:1", true),
            ("grpc://[::1]:1", true),
            ("grpc://10.0.0.1:1", false),
            ("grpc://localhost.example:1", false),
        ] {
            assert_eq!(Address::read(text).expect(text).is_here(), here, "{text}");
        }
    }
}
