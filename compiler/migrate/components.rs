//! `sources.conf`: `TYPE:NAME:URL:VERSION:BUILD_FUNCTION[:EXTRA…]`, to `source` sections.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::write::{NewNode, Piece};

use super::Ctx;
use super::folder::Text;
use super::lines::{Entry, Line, lines};

/// What a build function of the old builder did.
struct Recipe {
    function: &'static str,
    features: &'static [&'static str],
    subdir: Option<&'static str>,
    program: &'static str,
    to: &'static str,
    /// Whether its build asks git for its version.
    keeps_git: bool,
    /// What it needs beside Rust.
    packages: &'static [&'static str],
}

const RECIPES: &[Recipe] = &[
    Recipe {
        function: "build_zinit",
        features: &[],
        subdir: None,
        program: "zinit",
        to: "/sbin/zinit",
        keeps_git: true,
        packages: &["git"],
    },
    Recipe {
        function: "build_rfs",
        features: &["build-binary"],
        subdir: None,
        program: "rfs",
        to: "/usr/bin/rfs",
        keeps_git: false,
        packages: &["linux-headers", "perl"],
    },
    Recipe {
        function: "build_mycelium",
        features: &[],
        subdir: Some("myceliumd"),
        program: "mycelium",
        to: "/usr/bin/mycelium",
        keeps_git: false,
        packages: &[],
    },
];

/// What `sources.conf` becomes.
#[derive(Default)]
pub(super) struct Components {
    /// `source` sections with the comments between them.
    pub(super) pieces: Vec<Piece>,
    /// Alpine packages that build them; none where nothing is built.
    pub(super) toolchain: BTreeSet<&'static str>,
    /// The names of all.
    pub(super) names: Vec<String>,
}

/// Carries the list over; `target` is the Rust target of the builder.
pub(super) fn carry(text: &Text, target: Option<&str>, ctx: &mut Ctx<'_>) -> Components {
    let mut components = Components::default();
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for line in lines(text) {
        match line {
            Line::Blank => components.pieces.push(Piece::Blank),
            Line::Rule => {}
            Line::Comment(comment) => components.pieces.push(Piece::Comment(comment)),
            Line::Entry(entry) => {
                let Some(line) = Component::read(&entry, ctx) else {
                    continue;
                };
                if let Some(earlier) = seen.insert(line.name.to_owned(), entry.span) {
                    ctx.push(twice(&entry, line.name, earlier));
                    continue;
                }
                let remark = entry.remark.iter().cloned().map(Piece::Comment);
                components.pieces.extend(remark);
                let node = components.section(&line, target, ctx);
                components.pieces.push(node.into());
                components.pieces.push(Piece::Blank);
                components.names.push(line.name.to_owned());
            }
        }
    }
    components
}

impl Components {
    fn section(
        &mut self,
        line: &Component<'_>,
        target: Option<&str>,
        ctx: &mut Ctx<'_>,
    ) -> NewNode {
        let node = NewNode::new("source").arg(line.name);
        if line.kind == Kind::Release {
            return node.children(line.download(ctx));
        }
        let recipe = RECIPES
            .iter()
            .find(|recipe| recipe.function == line.function);
        let Some(recipe) = recipe else {
            ctx.push(line.unknown_function());
            return node.child(line.git(false));
        };
        self.toolchain
            .extend(["build-base", "cargo", "musl-dev", "rust"]);
        self.toolchain.extend(recipe.packages);
        // Alpine's Rust builds for musl and knows no other name of that target; `static` is what the name stands for.
        let target = target.filter(|target| !target.ends_with("-linux-musl"));
        let mut build = NewNode::new("build")
            .arg("cargo")
            .prop("toolchain", "rust")
            .prop_maybe("target", target)
            .prop_maybe("subdir", recipe.subdir)
            .child(NewNode::new("bin").arg(recipe.program));
        if !recipe.features.is_empty() {
            build = build.child(NewNode::new("features").args(recipe.features.iter().copied()));
        }
        let install = NewNode::new("install")
            .arg(recipe.program)
            .prop("to", recipe.to);
        node.child(line.git(recipe.keeps_git))
            .child(build.child(NewNode::new("static")))
            .child(install)
            .child(NewNode::new("verify").arg("static"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Git,
    Release,
}

/// One line, taken apart.
struct Component<'a> {
    kind: Kind,
    name: &'a str,
    /// Without a user's name and password.
    url: String,
    version: &'a str,
    function: &'a str,
    rename: Option<&'a str>,
    span: Span,
}

impl<'a> Component<'a> {
    /// Takes a line apart. The address has colons of its own, so what stands behind it is found from the end.
    fn read(entry: &Entry<'a>, ctx: &mut Ctx<'_>) -> Option<Self> {
        let mut parts: Vec<&str> = entry.text.split(':').map(str::trim).collect();
        let mut extras = Vec::new();
        while parts.len() > 5 && parts.last().is_some_and(|part| part.contains('=')) {
            extras.extend(parts.pop());
        }
        let function = parts.pop();
        let version = parts.pop();
        let &[kind, name, ref address @ ..] = parts.as_slice() else {
            ctx.push(malformed(entry));
            return None;
        };
        let url = address.join(":");
        let is_word = |text: &str| {
            let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
            text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.chars().all(inner)
        };
        let (Some(function), Some(version)) = (function, version) else {
            ctx.push(malformed(entry));
            return None;
        };
        let whole = is_word(name) && is_word(function) && !version.is_empty() && !url.is_empty();
        if !whole || version.contains(char::is_whitespace) || url.contains(char::is_whitespace) {
            ctx.push(malformed(entry));
            return None;
        }
        let kind = match kind {
            "git" => Kind::Git,
            "release" => Kind::Release,
            other => {
                ctx.push(unknown_type(entry, other));
                return None;
            }
        };
        let mut component = Self {
            kind,
            name,
            url,
            version,
            function,
            rename: None,
            span: entry.span,
        };
        for extra in extras {
            match extra.split_once('=') {
                Some(("rename", to)) if is_word(to) => component.rename = Some(to),
                _ => ctx.push(unknown_extra(entry, extra)),
            }
        }
        component.without_user(ctx);
        Some(component)
    }

    /// Takes a user's name and password out of the address.
    fn without_user(&mut self, ctx: &mut Ctx<'_>) {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return;
        };
        let host = rest.find('/').unwrap_or(rest.len());
        let Some(at) = rest[..host].rfind('@') else {
            return;
        };
        if &rest[..at] == "git" {
            return;
        }
        self.url = format!("{scheme}://{}", &rest[at + 1..]);
        ctx.push(
            Diagnostic::warning(
                "zosc::migrate::credential",
                format!(
                    "the address of `{}` holds a credential, which is left out",
                    self.name
                ),
            )
            .at(self.span)
            .help("keep it where git and your system keep credentials, not in a manifest"),
        );
    }

    /// Where the source is: a version is a commit, a tag where it looks like one, else a branch.
    fn git(&self, keeps_git: bool) -> NewNode {
        let is_commit =
            self.version.len() == 40 && self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = self.version.trim_start_matches('v');
        let kind = if is_commit {
            "rev"
        } else if number.starts_with(|first: char| first.is_ascii_digit()) {
            "tag"
        } else {
            "branch"
        };
        let node = NewNode::new("git").arg(&self.url).prop(kind, self.version);
        node.prop_maybe("keep-git", keeps_git.then_some(true))
    }

    /// The children of a section that takes a file as it is.
    fn download(&self, ctx: &mut Ctx<'_>) -> Vec<NewNode> {
        let release = NewNode::new("release")
            .arg(&self.url)
            .prop_maybe("rename", self.rename);
        let file = self.url.rsplit('/').next().unwrap_or(&self.url);
        let is_archive = [
            ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".zip", ".deb", ".apk",
        ]
        .iter()
        .any(|end| file.ends_with(end));
        if is_archive || !self.function.starts_with("install_") {
            ctx.push(self.unknown_function());
            return vec![release];
        }
        let to = format!("/usr/bin/{}", self.rename.unwrap_or(self.name));
        let file = self.rename.unwrap_or(file);
        vec![release, NewNode::new("install").arg(file).prop("to", to)]
    }

    fn unknown_function(&self) -> Diagnostic {
        let (function, name) = (self.function, self.name);
        let known = RECIPES.iter().map(|recipe| recipe.function);
        let near = nearest(function, known).map(|near| format!("did you mean `{near}`? "));
        Diagnostic::warning(
            "zosc::migrate::unknown-function",
            format!("what `{function}` does is not known here"),
        )
        .at(self.span)
        .help(format!(
            "{}write into `source {name}` how it is built and what is installed, such as `build script=\"make\" toolchain=NAME` and `install FILE to=\"/usr/bin/{name}\"`",
            near.unwrap_or_default()
        ))
    }
}

fn malformed(entry: &Entry<'_>) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::bad-source",
        "the line does not have the form of a source",
    )
    .at(entry.span)
    .help("the form is `TYPE:NAME:URL:VERSION:BUILD_FUNCTION`, with `:rename=NAME` behind it where wanted")
}

fn unknown_type(entry: &Entry<'_>, kind: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::bad-source",
        format!("there is no type of source `{kind}`"),
    )
    .at(entry.span)
    .help("the types are `git` and `release`; a `source` section also knows `crate` and `path`")
}

fn unknown_extra(entry: &Entry<'_>, extra: &str) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::bad-source",
        format!("what `{extra}` means is not known here, and it is left out"),
    )
    .at(entry.span)
    .help("write what it did into the `source` section")
}

fn twice(entry: &Entry<'_>, name: &str, earlier: Span) -> Diagnostic {
    Diagnostic::warning(
        "zosc::migrate::bad-source",
        format!("there are two sources `{name}`; the first one is taken"),
    )
    .label(entry.span, "left out")
    .label(earlier, "taken")
    .help("remove one of them, or give it another name")
}
