//! What a server says it can.

use std::fmt::Write as _;

use bazel_remote_apis::build::bazel::remote::execution::v2::{
    ServerCapabilities, digest_function, symlink_absolute_path_strategy,
};
use bazel_remote_apis::build::bazel::semver::SemVer;

/// The most that goes in one batch, whatever a server allows: messages of 4 MiB are what everybody takes, and smaller ones arrive in
/// time on slow lines.
const BATCH: u64 = 2 << 20;

/// What the digest and the rest of a message take beside the content itself.
pub(super) const BESIDE: u64 = 128;

/// What a server says it can.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Abilities {
    /// The versions of the protocol, such as `2.0–2.12`.
    pub api: String,
    /// Whether it executes commands.
    pub executes: bool,
    /// Whether it takes results from us.
    pub keeps_results: bool,
    /// The most bytes of contents in one message; 0 where it does not say.
    pub batch: u64,
    /// The largest content that it takes; 0 where it does not say.
    pub largest: u64,
    /// Whether links in an input root may lead to an absolute path.
    pub absolute_links: bool,
    /// The digests that it knows, such as `SHA256`.
    pub digests: Vec<String>,
}

impl Abilities {
    /// Reads an answer; otherwise says why nothing can be done with such a server.
    pub(super) fn of(answer: &ServerCapabilities) -> Result<Self, String> {
        let api = versions(
            answer.low_api_version.as_ref(),
            answer.high_api_version.as_ref(),
        )?;
        let Some(cache) = &answer.cache_capabilities else {
            return Err("it keeps no contents".to_owned());
        };
        if !cache
            .digest_functions
            .contains(&(digest_function::Value::Sha256 as i32))
        {
            return Err("it does not name contents by SHA-256".to_owned());
        }
        let execution = answer.execution_capabilities.as_ref();
        let updates = cache.action_cache_update_capabilities.as_ref();
        let allowed = symlink_absolute_path_strategy::Value::Allowed as i32;
        let digests = cache.digest_functions.iter();
        Ok(Self {
            api,
            executes: execution.is_some_and(|execution| execution.exec_enabled),
            keeps_results: updates.is_some_and(|updates| updates.update_enabled),
            batch: u64::try_from(cache.max_batch_total_size_bytes).unwrap_or(0),
            largest: u64::try_from(cache.max_cas_blob_size_bytes).unwrap_or(0),
            absolute_links: cache.symlink_absolute_path_strategy == allowed,
            digests: digests
                .filter_map(|digest| digest_function::Value::try_from(*digest).ok())
                .map(|digest| digest.as_str_name().to_owned())
                .collect(),
        })
    }

    /// What one message may have of contents, each with what it needs beside it.
    pub(super) fn room(&self) -> u64 {
        match self.batch {
            0 => BATCH,
            stated => stated.min(BATCH),
        }
    }
}

/// The range of versions, where the second is in it.
fn versions(low: Option<&SemVer>, high: Option<&SemVer>) -> Result<String, String> {
    let told = |version: &SemVer| {
        let mut told = format!("{}.{}", version.major, version.minor);
        if version.patch != 0 {
            let _ = write!(told, ".{}", version.patch);
        }
        told
    };
    let (Some(low), Some(high)) = (low.or(high), high.or(low)) else {
        return Err("it does not say which version of the protocol it has".to_owned());
    };
    if low.major > 2 || high.major < 2 {
        return Err(format!(
            "it has versions {} to {} of the protocol, and zosc has 2",
            told(low),
            told(high)
        ));
    }
    Ok(match (told(low), told(high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{low}–{high}"),
    })
}
