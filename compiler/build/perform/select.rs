//! Parts of trees: what is left out, what goes into which segment, what must hold of the whole.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Context;
use crate::diagnostic::{Diagnostic, nearest};
use crate::plan::Input;
use crate::tree::{Digest, Entry, ImagePath, Node, Store, Tree, physical};
use crate::zinit;

/// Leaves out what matches a pattern, and whatever lies below it; hard links to a file that goes become files.
pub(super) fn leave_out(tree: &Tree, patterns: &[String]) -> Result<Tree, Diagnostic> {
    let set = Patterns::new(patterns)?;
    Ok(without(tree, &|path| set.cover(path)))
}

/// A tree without some of its paths; hard links to a file that goes become files.
pub(super) fn without(tree: &Tree, gone: &dyn Fn(&ImagePath) -> bool) -> Tree {
    let mut kept = Tree::new();
    let mut heirs: std::collections::BTreeMap<ImagePath, ImagePath> =
        std::collections::BTreeMap::new();
    for (path, entry) in tree.iter().filter(|(path, _)| !gone(path)) {
        let mut entry = entry.clone();
        if let Node::Hardlink { to } = &mut entry.node
            && gone(to)
        {
            if let Some(heir) = heirs.get(to) {
                *to = heir.clone();
            } else if let Some(file) = tree.get(to) {
                heirs.insert(to.clone(), path.clone());
                entry.node = file.node.clone();
            }
        }
        kept.insert(path.clone(), entry);
    }
    kept
}

/// Patterns over absolute paths.
pub(in crate::build) struct Patterns(GlobSet);

impl Patterns {
    /// # Errors
    /// `zosc::build::bad-pattern`
    pub(in crate::build) fn new(patterns: &[String]) -> Result<Self, Diagnostic> {
        compile(patterns).map(Self)
    }

    /// Whether one of them matches a path.
    pub(in crate::build) fn matches(&self, path: &ImagePath) -> bool {
        self.0.is_match(path.as_str())
    }

    /// Whether one of them matches a path, or a folder above it.
    pub(in crate::build) fn cover(&self, path: &ImagePath) -> bool {
        let mut above = Some(path.clone());
        while let Some(path) = above {
            if self.0.is_match(path.as_str()) {
                return true;
            }
            above = path.parent();
        }
        false
    }
}

fn compile(patterns: &[String]) -> Result<GlobSet, Diagnostic> {
    let refuse = |error: &globset::Error| {
        Diagnostic::error(
            "zosc::build::bad-pattern",
            format!("a pattern cannot be read: {error}"),
        )
        .help("`*` stands for anything within a folder, `**` for any folders")
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(
            GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|error| refuse(&error))?,
        );
    }
    set.build().map_err(|error| refuse(&error))
}

/// The segment that an entry goes into, by the kind of its origin.
pub(super) fn segment_of(entry: &Entry) -> &'static str {
    match entry.origin.kind() {
        "package" => "packages",
        "source" => "components",
        "firmware" => "firmware",
        "module" | "modules" | "kernel" => "modules",
        "flist" => "flists",
        "unit" => "units",
        _ => "files",
    }
}

/// The same tree, which is that of an image that can start.
pub(super) fn validated(
    context: &Context<'_>,
    tree: &Input,
    programs: &[(String, String)],
    left: &[(ImagePath, String)],
) -> Result<Digest, Diagnostic> {
    let whole = context.shared_tree(tree)?;
    validate(&whole, programs, left, context.store)?;
    Ok(context.digest(tree))
}

/// Refuses an image that could not start: no `/init`, or units whose programs are missing.
///
/// # Errors
/// One diagnostic that lists all that is missing.
fn validate(
    tree: &Tree,
    programs: &[(String, String)],
    left: &[(ImagePath, String)],
    store: &Store,
) -> Result<(), Diagnostic> {
    require_init(tree, left, store)?;
    let mut missing = Vec::new();
    for (program, unit) in programs {
        let is_there =
            |path: &str| ImagePath::new(path).is_ok_and(|path| runnable(tree, &path).is_some());
        let found = if program.contains('/') {
            is_there(program)
        } else {
            zinit::SEARCHED
                .iter()
                .any(|folder| is_there(&format!("{folder}/{program}")))
        };
        if !found {
            missing.push((program, unit));
        }
    }
    let Some((program, unit)) = missing.first() else {
        return Ok(());
    };
    let problem = Diagnostic::error(
        "zosc::build::missing-program",
        format!("the unit `{unit}` runs `{program}`, and the image has no such program"),
    );
    let name = program.rsplit('/').next().unwrap_or(program);
    let elsewhere = tree
        .iter()
        .find(|(path, entry)| path.file_name() == name && !entry.is_directory());
    let all: Vec<&str> = tree
        .iter()
        .filter(|(_, entry)| entry.mode & 0o111 != 0 && !entry.is_directory())
        .map(|(path, _)| path.as_str())
        .collect();
    let problem = match (elsewhere, nearest(program, all)) {
        _ if let Some(flist) = taken_by(tree, program, left) => problem.help(not_there_yet(flist)),
        (Some((path, entry)), _) => {
            problem.help(format!("it is at `{path}`, from {}", entry.origin))
        }
        _ if program.as_str() == zinit::CLIENT => problem.help(zinit::CLIENT_HELP),
        (None, Some(near)) => problem.help(format!("did you mean `{near}`?")),
        (None, None) => {
            problem.help("install the package or the source that has it, or correct the path")
        }
    };
    Err(missing[1..]
        .iter()
        .fold(problem, |problem, (program, unit)| {
            problem.note(format!(
                "the unit `{unit}` runs `{program}`, which is missing too"
            ))
        }))
}

/// The kernel starts `/init`; where that is a script, its interpreter must be there too.
fn require_init(
    tree: &Tree,
    left: &[(ImagePath, String)],
    store: &Store,
) -> Result<(), Diagnostic> {
    let init = ImagePath::new("/init").expect("a literal path is a sound one");
    let Some(entry) = runnable(tree, &init) else {
        let problem = Diagnostic::error(
            "zosc::build::no-init",
            "the image has no program `/init`, which the kernel starts first",
        );
        if let Some(flist) = taken_by(tree, "/init", left) {
            return Err(problem.help(not_there_yet(flist)));
        }
        return Err(problem
            .help("add `import \"std:zero-os/base\"`, or a `file \"/init\" from=… mode=\"0755\"` of your own"));
    };
    let Node::File { digest, .. } = &entry.node else {
        return Ok(());
    };
    // The kernel looks no further than this for an interpreter.
    let content = store.head(digest, 256)?;
    let Some(line) = content.strip_prefix(b"#!") else {
        return Ok(());
    };
    let line: &[u8] = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let interpreter = String::from_utf8_lossy(line)
        .split_whitespace()
        .next()
        .unwrap_or("")
        .to_owned();
    if ImagePath::new(&interpreter)
        .ok()
        .and_then(|path| runnable(tree, &path))
        .is_none()
    {
        let problem = Diagnostic::error(
            "zosc::build::no-init",
            format!("`/init` is a script for `{interpreter}`, which the image does not have"),
        );
        if let Some(flist) = taken_by(tree, &interpreter, left) {
            return Err(problem.help(not_there_yet(flist)));
        }
        return Err(problem.help("install `busybox`, whose scripts link its shell to `/bin/sh`"));
    }
    Ok(())
}

/// The flist that has taken a program, or what a link of its name leads to.
fn taken_by<'a>(tree: &Tree, program: &str, left: &'a [(ImagePath, String)]) -> Option<&'a str> {
    let wanted: Vec<String> = if program.contains('/') {
        vec![program.to_owned()]
    } else {
        let folders = zinit::SEARCHED.iter();
        folders
            .map(|folder| format!("{folder}/{program}"))
            .collect()
    };
    wanted.iter().find_map(|path| {
        let place = physical(tree, &ImagePath::new(path).ok()?);
        let target = match tree.get(&place).map(|entry| &entry.node) {
            Some(Node::Symlink { target }) if target.starts_with('/') => {
                physical(tree, &ImagePath::new(target).ok()?)
            }
            Some(Node::Symlink { target }) => physical(tree, &place.parent()?.join(target).ok()?),
            _ => place,
        };
        let taken = left
            .iter()
            .find(|(folder, _)| target.starts_with(&physical(tree, folder)));
        taken.map(|(_, flist)| flist.as_str())
    })
}

fn not_there_yet(flist: &str) -> String {
    format!(
        "the flist `{flist}` took its folder out of the image, and is mounted by what it would hold back: pack a folder that nothing needs before that"
    )
}

/// The file that starting `path` would run, if it may be run.
fn runnable<'a>(tree: &'a Tree, path: &ImagePath) -> Option<&'a Entry> {
    let (_, entry) = tree.resolve(path)?;
    let entry = match &entry.node {
        Node::Hardlink { to } => tree.get(to)?,
        _ => entry,
    };
    (matches!(entry.node, Node::File { .. }) && entry.mode & 0o111 != 0).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Origin;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).expect("a sound path")
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opens");
        (folder, store)
    }

    fn file(store: &Store, content: &str, mode: u32) -> Entry {
        let digest = store.put(content.as_bytes()).expect("stored");
        Entry::file(
            digest,
            content.len() as u64,
            mode,
            0,
            Origin::new("package x"),
        )
    }

    #[test]
    fn what_is_left_out_leaves_its_other_names_whole() {
        let (_folder, store) = store();
        let mut tree = Tree::new();
        let content = file(&store, "x", 0o755);
        tree.insert_with_parents(path("/usr/share/man/a"), content.clone());
        let linked = Entry {
            node: Node::Hardlink {
                to: path("/usr/share/man/a"),
            },
            ..content.clone()
        };
        tree.insert_with_parents(path("/usr/x/b"), linked.clone());
        tree.insert_with_parents(path("/usr/x/c"), linked);
        let kept = leave_out(&tree, &["/usr/share/man".into()]).expect("reads");
        assert!(!kept.contains(&path("/usr/share/man/a")));
        assert_eq!(
            kept.get(&path("/usr/x/b")).map(|entry| &entry.node),
            Some(&content.node)
        );
        let third = kept.get(&path("/usr/x/c")).map(|entry| entry.node.clone());
        assert_eq!(
            third,
            Some(Node::Hardlink {
                to: path("/usr/x/b")
            })
        );
    }

    #[test]
    fn a_star_stays_within_its_folder() {
        let (_folder, store) = store();
        let mut tree = Tree::new();
        tree.insert_with_parents(path("/usr/lib/a.a"), file(&store, "", 0o644));
        tree.insert_with_parents(path("/usr/lib/deep/b.a"), file(&store, "", 0o644));
        assert_eq!(
            leave_out(&tree, &["/usr/lib/*.a".into()])
                .expect("reads")
                .len(),
            tree.len() - 1
        );
        assert_eq!(
            leave_out(&tree, &["/**/*.a".into()]).expect("reads").len(),
            tree.len() - 2
        );
        assert_eq!(
            leave_out(&tree, &["/[".into()]).expect_err("bad").code,
            "zosc::build::bad-pattern"
        );
    }

    #[test]
    fn an_image_without_init_or_programs_is_refused() {
        let (_folder, store) = store();
        let mut tree = Tree::new();
        assert_eq!(
            validate(&tree, &[], &[], &store).expect_err("no init").code,
            "zosc::build::no-init"
        );
        tree.insert(path("/init"), file(&store, "#!/bin/sh\n", 0o755));
        assert_eq!(
            validate(&tree, &[], &[], &store)
                .expect_err("no shell")
                .code,
            "zosc::build::no-init"
        );
        tree.insert_with_parents(path("/bin/busybox"), file(&store, "\x7fELF", 0o755));
        tree.insert(
            path("/bin/sh"),
            Entry::symlink("/bin/busybox", 0, Origin::new("package x")),
        );
        assert_eq!(validate(&tree, &[], &[], &store), Ok(()));
        let programs = [("/sbin/busybox".to_owned(), "web".to_owned())];
        let refused = validate(&tree, &programs, &[], &store).expect_err("missing");
        assert_eq!(refused.code, "zosc::build::missing-program");
        assert!(
            refused
                .help
                .is_some_and(|help| help.contains("/bin/busybox"))
        );
        let client = [(zinit::CLIENT.to_owned(), "boot-report".to_owned())];
        for name in ["/sbin/zinit-pid1", "/sbin/zinit"] {
            let refused = validate(&tree, &client, &[], &store).expect_err("no client");
            assert_eq!(refused.help.as_deref(), Some(zinit::CLIENT_HELP), "{name}");
            tree.insert_with_parents(path(name), file(&store, "\x7fELF", 0o755));
        }
        assert_eq!(validate(&tree, &client, &[], &store), Ok(()));
    }

    #[test]
    fn origins_decide_the_segment() {
        let entry = |origin| Entry::file(Digest::of(b""), 0, 0, 0, Origin::new(origin));
        assert_eq!(segment_of(&entry("package musl-1.2-r0")), "packages");
        assert_eq!(segment_of(&entry("unit sshd")), "units");
        assert_eq!(segment_of(&entry("branding")), "files");
    }
}
