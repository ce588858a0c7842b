//! The image as far as it is known before it is built: every path that something puts there.

use std::path::Path;

use crate::check::{FileContent, FileRequest, Image};
use crate::io::{FileKind, Files, System};
use crate::tree::{Digest, Entry, ImagePath, Node, Origin, Store, Tree};
use crate::zinit::SEARCHED;

use super::super::Role;
use super::super::facts::facts;
use super::answer::{Answer, Known};

/// Most entries of an overlay's folders that are looked at.
const MOST_FILES: usize = 100_000;
/// Folders below an overlay that are looked into, one in the other.
const DEEPEST: usize = 64;
/// Folders that every image has.
const BASE: &[&str] = &[
    "/", "/dev", "/etc", "/proc", "/root", "/run", "/sys", "/tmp",
];

/// What is known of an image's files.
pub(super) struct World {
    pub(super) tree: Tree,
    /// Scripts of packages that run.
    scripts: Vec<String>,
    /// Folders whose files come from elsewhere when the system runs.
    mounted: Vec<String>,
}

/// What is at a path.
pub(super) enum Found {
    /// Something that can be started.
    Program,
    /// A file that may not be started.
    File,
    /// A folder.
    Folder,
    /// Nothing that is known.
    Nothing,
}

impl World {
    /// Everything that is put into an image; `None` where some package is not known.
    pub(super) fn new(image: &Image, store: Option<&Store>, answer: &Answer) -> Option<Self> {
        let Answer::Known(packages) = answer else {
            return None;
        };
        let mut world = Self {
            tree: Tree::new(),
            scripts: Vec::new(),
            mounted: Vec::new(),
        };
        for path in BASE {
            world.folder(path);
        }
        for package in packages
            .iter()
            .filter(|package| package.role == Role::Image)
        {
            world.package(image, store?, package)?;
        }
        for source in &image.sources {
            for file in &source.install {
                let origin = Origin::new(format!("source {}", source.name.value));
                world.file(file.to.value.clone(), file.mode, origin);
            }
        }
        let mut left = MOST_FILES;
        for overlay in &image.overlays {
            world.overlay(&overlay.from, &overlay.to, DEEPEST, &mut left)?;
        }
        for request in &image.files {
            world.request(request);
        }
        for mount in image.flists.iter().filter_map(|flist| flist.mount.as_ref()) {
            // What a variable stands for is not known yet.
            let fixed = mount.split('{').next().unwrap_or_default();
            world.mounted.push(fixed.to_owned());
        }
        Some(world)
    }

    fn folder(&mut self, path: &str) {
        if let Ok(path) = ImagePath::new(path) {
            let entry = Entry::directory(0o755, 0, Origin::new("zosc base"));
            self.tree.insert_with_parents(path, entry);
        }
    }

    fn file(&mut self, path: ImagePath, mode: u32, origin: Origin) {
        let entry = Entry::file(Digest::of(b""), 0, mode, 0, origin);
        self.tree.insert_with_parents(path, entry);
    }

    fn package(&mut self, image: &Image, store: &Store, package: &Known) -> Option<()> {
        let facts = facts(store, package.sha256.as_ref()?)?;
        for (path, entry) in facts.tree.iter() {
            // A folder of one package may be a link of another.
            if !entry.is_directory() || !self.tree.contains(path) {
                self.tree.insert(path.clone(), entry.clone());
            }
        }
        let exceptions = &image.packages.script_exceptions;
        let runs = exceptions.get(&package.name).copied();
        if !runs.unwrap_or(image.packages.run_scripts) {
            return Some(());
        }
        self.scripts.extend(facts.scripts);
        for applet in &facts.applets {
            let paths = match applet.strip_prefix('/') {
                Some(_) => vec![applet.clone()],
                None => SEARCHED
                    .iter()
                    .map(|folder| format!("{folder}/{applet}"))
                    .collect(),
            };
            for path in paths.iter().filter_map(|path| ImagePath::new(path).ok()) {
                if !self.tree.contains(&path) {
                    let origin = Origin::new(format!("scripts of {}", package.name));
                    self.file(path, 0o755, origin);
                }
            }
        }
        Some(())
    }

    /// The files of a folder of this machine; `None` where it cannot be read whole.
    fn overlay(
        &mut self,
        from: &Path,
        to: &ImagePath,
        depth: usize,
        left: &mut usize,
    ) -> Option<()> {
        for name in System.list(from).ok()? {
            *left = left.checked_sub(1)?;
            let (from, to) = (from.join(&name), to.join(&name).ok()?);
            match System.kind(&from) {
                Some(FileKind::Directory) => {
                    self.folder(to.as_str());
                    self.overlay(&from, &to, depth.checked_sub(1)?, left)?;
                }
                // Links that lead nowhere here may lead somewhere in the image.
                Some(FileKind::File(_) | FileKind::Other) | None => {
                    self.file(to, 0o755, Origin::new("overlay"));
                }
            }
        }
        Some(())
    }

    fn request(&mut self, request: &FileRequest) {
        let origin = Origin::new("file of the manifest");
        let path = request.to.value.clone();
        match &request.content {
            FileContent::Link(target) => {
                let entry = Entry::symlink(target.clone(), 0, origin);
                self.tree.insert_with_parents(path, entry);
            }
            _ => self.file(path, request.mode, origin),
        }
    }

    /// What is at a path, links followed.
    pub(super) fn look(&self, path: &str) -> Found {
        let Ok(path) = ImagePath::new(path) else {
            return Found::Nothing;
        };
        let Some((_, entry)) = self.tree.resolve(&path) else {
            return Found::Nothing;
        };
        match &entry.node {
            Node::Directory => Found::Folder,
            Node::Hardlink { to } => match self.tree.get(to) {
                Some(entry) if entry.mode & 0o111 != 0 => Found::Program,
                _ => Found::File,
            },
            Node::File { .. } if entry.mode & 0o111 != 0 => Found::Program,
            _ => Found::File,
        }
    }

    /// The path of a program that is named with its folder or without.
    pub(super) fn program(&self, name: &str) -> Found {
        if name.contains('/') {
            return self.look(name);
        }
        let mut places = SEARCHED
            .iter()
            .map(|folder| self.look(&format!("{folder}/{name}")));
        places
            .find(|found| matches!(found, Found::Program))
            .unwrap_or(Found::Nothing)
    }

    /// Whether something may come to be at a path that cannot be seen yet: a script that runs names it, or it is mounted.
    pub(super) fn may_hold(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_below = |folder: &String| {
            let rest = path.strip_prefix(folder.trim_end_matches('/'));
            !folder.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.scripts.iter().any(|script| script.contains(name)) || self.mounted.iter().any(is_below)
    }

    /// Paths of everything that can be started.
    pub(super) fn programs(&self) -> impl Iterator<Item = (&ImagePath, &Entry)> {
        let can_start =
            |(_, entry): &(&ImagePath, &Entry)| !entry.is_directory() && entry.mode & 0o111 != 0;
        self.tree.iter().filter(can_start)
    }
}
