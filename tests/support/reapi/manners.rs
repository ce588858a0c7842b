//! What a server is like: where real ones differ, each in a way that its clients have to bear.

use tonic::{Code, Request, Status};

/// The manners of a server. [`Manners::default`] has those of a sound one.
#[derive(Debug, Clone)]
pub struct Manners {
    /// The lowest and the highest version of the protocol, each as major and minor number.
    pub versions: [(i32, i32); 2],
    /// Whether it knows SHA-256.
    pub knows_sha256: bool,
    /// Whether it executes.
    pub executes: bool,
    /// Whether it takes results from clients.
    pub takes_results: bool,
    /// Bytes that a batch may have, as it is announced; it is held to where it is not 0.
    pub batch: i64,
    /// Whether operations say at which stage they are.
    pub tells_stages: bool,
    /// How it tells that an input is not there.
    pub lost_input: LostInput,
    /// What it does about a property that it does not know; it knows [`KNOWN_PROPERTY`].
    pub unknown_property: UnknownProperty,
    /// Whether it looks for an earlier result before it executes.
    pub reuses_results: bool,
    /// Whether it keeps results of commands that failed.
    pub keeps_failures: bool,
    /// Whether it knows `CancelOperation`.
    pub cancels: bool,
    /// Whether it refuses a blob that is not what its digest says.
    pub verifies: bool,
    /// Whether an action that writes to an input changes it for everybody.
    pub shares_inputs: bool,
    /// Whether trees that it makes have the root among the children again.
    pub repeats_root: bool,
    /// Whether what a command wrote comes within the result instead of as a blob.
    pub inlines: bool,
    /// The exit code of a command that took too long.
    pub late_exit: i32,
    /// The `Bearer` token that every call has to bring. Who brings another is told which.
    pub token: Option<String>,
}

/// A property that every server here knows, with any value.
pub const KNOWN_PROPERTY: &str = "OSFamily";

/// How a server tells that an input is not there.
#[derive(Debug, Clone, Copy)]
pub enum LostInput {
    /// Status 13 beside a result with exit code 0.
    InternalWithExitZero,
    /// Status 9 without details, beside a result with exit code -178.
    BareWithOddExit,
    /// Status 9 with no result, as the protocol has it.
    Precondition,
}

/// What a server does about a property that it does not know.
#[derive(Debug, Clone, Copy)]
pub enum UnknownProperty {
    Ignored,
    Refused,
    Unanswered,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            versions: [(2, 0), (2, 3)],
            knows_sha256: true,
            executes: true,
            takes_results: true,
            batch: 4 << 20,
            tells_stages: true,
            lost_input: LostInput::Precondition,
            unknown_property: UnknownProperty::Ignored,
            reuses_results: true,
            keeps_failures: false,
            cancels: true,
            verifies: true,
            shares_inputs: false,
            repeats_root: false,
            inlines: true,
            late_exit: 137,
            token: None,
        }
    }
}

impl Manners {
    /// As buildbox-casd 1.4 was found to be.
    pub fn casd() -> Self {
        Self {
            versions: [(2, 1), (2, 12)],
            batch: 0,
            tells_stages: false,
            lost_input: LostInput::InternalWithExitZero,
            ..Self::default()
        }
    }

    /// As BuildGrid 0.9 was found to be.
    pub fn buildgrid() -> Self {
        Self {
            versions: [(2, 0), (2, 2)],
            batch: 4_193_280,
            lost_input: LostInput::InternalWithExitZero,
            unknown_property: UnknownProperty::Refused,
            inlines: false,
            ..Self::default()
        }
    }

    /// As NativeLink 1.5 was found to be, with the configuration that it comes with.
    pub fn nativelink() -> Self {
        Self {
            versions: [(2, 0), (2, 3)],
            batch: 65_536,
            lost_input: LostInput::BareWithOddExit,
            unknown_property: UnknownProperty::Unanswered,
            reuses_results: false,
            cancels: false,
            verifies: false,
            shares_inputs: true,
            repeats_root: true,
            late_exit: 9,
            ..Self::default()
        }
    }
}

/// The headers of a call that are texts.
pub(super) fn headers(request: &Request<()>) -> Vec<(String, String)> {
    let all = request.metadata().as_ref().iter();
    all.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// Lets in who brings the token.
pub(super) fn admit(token: Option<&str>, request: Request<()>) -> Result<Request<()>, Status> {
    let Some(token) = token else {
        return Ok(request);
    };
    let brought = request.metadata().get("authorization");
    let brought = brought.and_then(|value| value.to_str().ok());
    if brought == Some(&format!("Bearer {token}")) {
        return Ok(request);
    }
    let message = format!("{} is not allowed", brought.unwrap_or("nobody"));
    Err(Status::new(Code::Unauthenticated, message))
}
