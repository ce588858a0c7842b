//! The fenced blocks of a page, and what their info strings mean.

use std::path::{Path, PathBuf};

/// What a block is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Commands, which are run.
    Commands,
    /// Commands behind `$ ` with what they say, which is compared.
    Session,
    /// A file of this name.
    File(String),
    /// KDL that the suite checks, or an output.
    Shown,
    /// A change of the tree, as `diff -u` writes it.
    Patch,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The line that it begins in.
    pub(crate) line: usize,
    /// What this machine lacks for it, in the words of the page.
    pub(crate) needs: Option<String>,
}

/// Where tests keep tools and what takes long to make.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("ZOSC_TEST_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/zosc-tests"),
        PathBuf::from,
    )
}

/// The folder of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages that this test is about, relative to [`root`].
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "manifests/README.md",
        "runtime-units/README.md",
    ]
    .map(PathBuf::from)
    .into();
    for folder in ["docs", "docs/errors"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            let path = Path::new(folder).join(name);
            if path.extension().is_some_and(|kind| kind == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The text of a page.
pub(crate) fn text(page: &Path) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// The blocks of a page, in order.
pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(text(page).lines()) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => found.push(block),
            (Some(info), None) => {
                let here = format!("{}:{number}", page.display());
                open = Some(begin(info, number).unwrap_or_else(|| {
                    panic!("{here}: what is a block of `{info}`?");
                }));
            }
            (None, Some(mut block)) => {
                block.text += line;
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block is not closed", page.display());
    found
}

/// A block with this info string, if that is one of ours.
fn begin(info: &str, line: usize) -> Option<Block> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    let (kind, needs) = match (language, rest) {
        ("sh", "") => (Kind::Commands, None),
        ("console", "") => (Kind::Session, None),
        ("sh", rest) => (Kind::Commands, Some(rest.strip_prefix("needs=")?)),
        ("console", rest) => (Kind::Session, Some(rest.strip_prefix("needs=")?)),
        ("kdl", "" | "fragment" | "wrong" | "configuration" | "configuration wrong")
        | ("text" | "json", "") => (Kind::Shown, None),
        ("diff", "") => (Kind::Patch, None),
        ("kdl" | "text" | "rust", name) if name.contains('.') && !name.contains(' ') => {
            (Kind::File(name.to_owned()), None)
        }
        _ => return None,
    };
    Some(Block {
        kind,
        text: String::new(),
        line,
        needs: needs.map(|words| words.replace('-', " ")),
    })
}

/// Commands in places where nothing would run them: below `text`, or indented.
#[test]
fn every_command_stands_where_it_is_run() {
    let programs = ["$", "zosc", "cargo", "apt-get", "pip", "npm", "cp", "apk"];
    let mut stray = Vec::new();
    for page in pages() {
        for block in blocks(&page) {
            let starts = |line: &&str| {
                let first = line.split(' ').next().unwrap_or_default();
                programs.contains(&first)
            };
            if block.kind == Kind::Shown {
                let lines = block.text.lines().filter(starts);
                stray
                    .extend(lines.map(|line| format!("{}:{}: {line}", page.display(), block.line)));
            }
        }
        // A page about an error shows what to type in another place than this.
        if !page.starts_with("docs/errors") {
            stray.extend(indented(&page));
        }
    }
    assert!(stray.is_empty(), "{}", stray.join("\n"));
}

/// Lines that Markdown takes for code because they are indented.
fn indented(page: &Path) -> Vec<String> {
    let text = text(page);
    let (mut inside, mut in_list, mut blank) = (false, false, true);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            inside = !inside;
        }
        if inside {
            continue;
        }
        let marked = line.trim_start();
        let item = marked.starts_with("- ") || marked.starts_with(|c: char| c.is_ascii_digit());
        in_list = item || in_list && (line.is_empty() || line.starts_with(' '));
        if blank && !in_list && line.starts_with("    ") {
            found.push(format!("{}:{number}: {line}", page.display()));
        }
        blank = line.is_empty();
    }
    found
}
