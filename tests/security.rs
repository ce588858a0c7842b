//! The promises of docs/security.md, each tried by an attack on it.
//!
//! Needs a C compiler and a static busybox; most parts need root, who becomes an ordinary user as well, and one needs openssl.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // A test that cannot go on fails.

#[path = "support/mod.rs"]
mod support;
#[path = "support/tls.rs"]
mod tls;

#[path = "security/attacks.rs"]
mod attacks;
#[path = "security/bench.rs"]
mod bench;

#[path = "security/bombs.rs"]
mod bombs;
#[path = "security/book.rs"]
mod book;
#[path = "security/builds.rs"]
mod builds;
#[path = "security/neighbours.rs"]
mod neighbours;
#[path = "security/sandbox.rs"]
mod sandbox;
#[path = "security/servers.rs"]
mod servers;
#[path = "security/words.rs"]
mod words;
