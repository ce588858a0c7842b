//! The protocol's messages and types, from the crates that define them.
//!
//! The only place that names those crates: everything else, tests included, takes the types from here.

pub use gen_lsp_types::*;
pub use lsp_server::{Connection, ErrorCode, RequestId, Response, ResponseError};

/// Messages as they go over the wire.
pub mod wire {
    pub use lsp_server::{Message, Notification, Request};
}
