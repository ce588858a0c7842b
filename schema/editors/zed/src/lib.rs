//! Starts `zosc lsp` in Zed, for KDL files of a folder with a manifest.

use zed_extension_api as zed;
use zed_extension_api::settings::LspSettings;

struct Zosc;

impl zed::Extension for Zosc {
    fn new() -> Self {
        Self
    }

    fn language_server_command(
        &mut self,
        server: &zed::LanguageServerId,
        worktree: &zed::Worktree,
    ) -> zed::Result<zed::Command> {
        // KDL is also what others write their settings in.
        worktree
            .read_text_file("zos.kdl")
            .map_err(|_| "this folder has no zos.kdl".to_owned())?;
        let binary = LspSettings::for_worktree(server.as_ref(), worktree)
            .ok()
            .and_then(|settings| settings.binary);
        let (path, arguments, environment) = match binary {
            Some(binary) => (binary.path, binary.arguments, binary.env),
            None => (None, None, None),
        };
        let name = path.unwrap_or_else(|| "zosc".to_owned());
        let command = if name.contains('/') {
            name
        } else {
            worktree.which(&name).ok_or_else(|| {
                format!("there is no program `{name}` in PATH: install zosc, or set lsp.zosc.binary.path")
            })?
        };
        let mut env = worktree.shell_env();
        env.extend(environment.into_iter().flatten());
        Ok(zed::Command {
            command,
            args: arguments.unwrap_or_else(|| vec!["lsp".to_owned()]),
            env,
        })
    }
}

zed::register_extension!(Zosc);
