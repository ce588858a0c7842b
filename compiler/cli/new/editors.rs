//! What makes a project work in an editor: files that ship with zosc, as `schema/editors/` has them.

use std::collections::BTreeMap;

use clap::ValueEnum;

use crate::io::NewFile;

/// An editor that zosc has files for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Editor {
    /// VS Code: `.vscode/`, which names the extension.
    Vscode,
    /// Neovim: `.nvim.lua`, which it reads with `:set exrc`.
    Neovim,
    /// Helix: `.helix/languages.toml`.
    Helix,
    /// Zed: `.zed/settings.json`.
    Zed,
}

impl Editor {
    /// Paths and texts.
    fn texts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Vscode => &[
                (
                    ".vscode/settings.json",
                    include_str!("files/vscode-settings.json"),
                ),
                (
                    ".vscode/extensions.json",
                    include_str!("files/vscode-extensions.json"),
                ),
            ],
            Self::Neovim => &[(
                ".nvim.lua",
                include_str!("../../../schema/editors/neovim/zosc.lua"),
            )],
            Self::Helix => &[(
                ".helix/languages.toml",
                include_str!("../../../schema/editors/helix/languages.toml"),
            )],
            Self::Zed => &[(
                ".zed/settings.json",
                include_str!("../../../schema/editors/zed/settings.json"),
            )],
        }
    }

    /// What is left to do by hand, once.
    pub(super) fn next(self) -> &'static str {
        match self {
            Self::Vscode => {
                "VS Code needs the extension zosc: schema/editors/vscode of zosc's sources"
            }
            Self::Neovim => "Neovim reads .nvim.lua after `:set exrc`, from 0.9 on",
            Self::Helix => "Helix reads .helix/languages.toml in this folder",
            Self::Zed => {
                "Zed needs the extensions KDL and zosc: schema/editors/zed of zosc's sources"
            }
        }
    }
}

/// The files of these editors by their paths.
pub(super) fn files(editors: &[Editor]) -> BTreeMap<String, NewFile> {
    let texts = editors.iter().flat_map(|editor| editor.texts());
    texts
        .map(|(path, text)| {
            let bytes = text.as_bytes().to_vec();
            let executable = false;
            ((*path).to_owned(), NewFile { bytes, executable })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_in_the_form_that_their_editors_read() {
        let files = files(Editor::value_variants());
        let text = |path: &str| std::str::from_utf8(&files[path].bytes).unwrap().to_owned();
        let json = |text: &str| -> serde_json::Value {
            let lines = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            serde_json::from_str(&lines.collect::<String>()).unwrap()
        };
        let zed = json(&text(".zed/settings.json"));
        assert_eq!(zed["languages"]["KDL"]["language_servers"][0], "zosc");
        assert_eq!(zed["lsp"]["zosc"]["binary"]["arguments"][0], "lsp");
        json(&text(".vscode/settings.json"));
        let extensions = json(&text(".vscode/extensions.json"));
        assert_eq!(extensions["recommendations"][0], "zosc.zosc");
        let helix: toml::Table = text(".helix/languages.toml").parse().unwrap();
        let server = &helix["language-server"]["zosc"];
        assert_eq!(server["command"].as_str(), Some("zosc"));
        assert_eq!(server["args"][0].as_str(), Some("lsp"));
        let language = &helix["language"][0];
        assert_eq!(language["name"].as_str(), Some("kdl"));
        assert_eq!(language["language-servers"][0].as_str(), Some("zosc"));
    }
}
