//! In what the engines differ when they run a command.

use crate::io::Engine;

/// docker starts containers from images only: this one is empty, made on the spot, and stays.
pub(super) const EMPTY_IMAGE: &str = "zosc-empty:1";

/// Options that only this engine has or needs.
pub(super) fn options(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Podman => &[
            "--security-opt=unmask=ALL",
            "--systemd=false",
            "--http-proxy=false",
            "--no-hosts",
        ],
        Engine::Docker => &["--security-opt=systempaths=unconfined"],
    }
}
