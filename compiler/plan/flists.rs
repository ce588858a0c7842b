//! Flists: files that a store keeps, and the lists of them that the image carries.
//!
//! What is packed is a tree like any other: all modules of the kernel, the firmware of some packages, or a folder that leaves
//! the image. Of what an action makes of it the list goes into the image; the blobs stay in zosc's own store until they are published.

use std::collections::BTreeMap;

use crate::check::{BlobStore, Flist, Packed};
use crate::lock::Role;
use crate::manifest::size::Strippable;
use crate::source::Spanned;
use crate::tree::{Conflict, ImagePath};

use super::kernel::files_of;
use super::lower::{Lowering, fixed};
use super::{Action, Input, InstalledFile, Plan, Reduction, Stage, Stripping};

/// Where an [`Action::Flist`] leaves its list.
const LIST: &str = "/list.fl";
/// Folders that the kernel looks for firmware in, and that packages bring it in.
const FIRMWARE: [&str; 2] = ["/lib/firmware", "/usr/lib/firmware"];
/// Folders that modules are in, by the kernel's release.
const MODULES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];

/// An flist of a plan.
#[derive(Debug, Clone)]
pub struct PlannedFlist {
    /// Its name.
    pub name: Spanned<String>,
    /// Where its list lies in the image.
    pub embed: ImagePath,
    /// Where its files appear in the running system.
    pub mount: Option<ImagePath>,
    /// The folder whose content it has.
    pub folder: ImagePath,
    /// Where that content is from.
    pub content_of: ContentOf,
    /// What is packed: a tree whose root is the flist's.
    pub content: Input,
    /// The tree with `/list.fl`, and every blob below `/blobs/HH/HEX`.
    pub output: Input,
    /// Where its blobs go.
    pub write: BlobStore,
    /// The address that `rfs` reads them from.
    pub read: String,
}

/// Where the content of an flist is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentOf {
    /// A folder of the image, which it has left.
    Image,
    /// The modules of the kernel.
    Kernel,
    /// Packages with firmware.
    Packages,
}

impl PlannedFlist {
    /// Where a path of the image is in the flist: below its mount, or below the folder whose content it has.
    pub fn inside(&self, path: &ImagePath) -> Option<ImagePath> {
        let mut folders = self.mount.iter().chain([&self.folder]);
        let folder = folders.find(|folder| path.starts_with(folder))?;
        ImagePath::new(path.as_str().get(folder.as_str().len()..)?).ok()
    }
}

/// What an flist is made of.
struct Content {
    tree: Input,
    folder: ImagePath,
    of: ContentOf,
    /// The release of the content that its list names.
    version: Option<String>,
    description: String,
}

/// Plans the flists, and returns the image without what has left it.
pub(super) fn flists(lowering: &mut Lowering<'_>, kernel: Option<Input>, mut tree: Input) -> Input {
    for flist in &lowering.image.flists {
        let content = match &flist.pack {
            Packed::Firmware(package) => firmware(lowering, flist, package),
            Packed::Folder(folder) => {
                let release = modules_release(lowering, folder);
                if let Some((release, kernel)) = release.zip(kernel) {
                    modules(lowering, flist, &release, kernel, tree)
                } else {
                    let (content, without) = folder_of(lowering, flist, folder, tree);
                    tree = without;
                    content
                }
            }
        };
        pack(lowering, flist, content);
    }
    tree
}

/// The image with the lists in it.
pub(super) fn embedded(lowering: &mut Lowering<'_>, tree: Input) -> Input {
    let epoch = lowering.inputs.epoch;
    let plan = &mut lowering.plan;
    let mut trees = vec![tree];
    for flist in plan.flists.clone() {
        let name = &flist.name.value;
        let install = Action::InstallFiles {
            from: flist.output,
            files: vec![InstalledFile {
                file: fixed(LIST),
                to: flist.embed,
                mode: 0o644,
            }],
            origin: format!("flist {name}"),
            epoch,
        };
        let (label, site) = (format!("list of {name}"), Some(flist.name.span));
        trees.push(plan.add(Stage::RfsFlists, label, site, install));
    }
    if trees.len() == 1 {
        return tree;
    }
    let merge = Action::Merge {
        trees,
        conflict: Conflict::Refuse,
    };
    plan.add(Stage::RfsFlists, "merge lists", None, merge)
}

/// The folders that have left the image, with the flists that took them.
pub(super) fn left(plan: &Plan) -> Vec<(ImagePath, String)> {
    let flists = plan.flists.iter();
    flists
        .filter(|flist| flist.content_of == ContentOf::Image)
        .map(|flist| (flist.folder.clone(), flist.name.value.clone()))
        .collect()
}

/// The kernel's release, where a folder is the one of its modules.
fn modules_release(lowering: &Lowering<'_>, folder: &str) -> Option<String> {
    let release = &lowering.kernel()?.release;
    let mut folders = MODULES.iter();
    folders
        .any(|modules| filled(lowering, folder) == format!("{modules}/{release}"))
        .then(|| release.clone())
}

/// All modules of the kernel, those that the image has from elsewhere, and the indexes of them all.
fn modules(
    lowering: &mut Lowering<'_>,
    flist: &Flist,
    release: &str,
    kernel: Input,
    image: Input,
) -> Content {
    let name = &flist.name.value;
    let at = MODULES.map(|modules| path(&format!("{modules}/{release}")));
    let own = Action::Folder {
        trees: vec![image],
        at: at.clone().into(),
        flist: None,
    };
    let own = add(lowering, flist, "modules of the image for", own);
    let all = Action::AllModules {
        kernel,
        image: own,
        epoch: lowering.inputs.epoch,
    };
    let mut tree = add(lowering, flist, "all modules for", all);
    let strips = |what: &Spanned<Strippable>| what.value == Strippable::Modules;
    if lowering.image.strip.iter().any(strips) {
        let what = Stripping::Modules;
        tree = add(
            lowering,
            flist,
            "strip modules of",
            Action::Strip { tree, what },
        );
    }
    let [folder, _] = at.clone();
    let content = Action::Folder {
        trees: vec![tree],
        at: at.into(),
        flist: Some(name.clone()),
    };
    Content {
        tree: add(lowering, flist, "content of", content),
        folder,
        of: ContentOf::Kernel,
        version: Some(release.to_owned()),
        description: format!("modules of the kernel {release}"),
    }
}

/// The firmware of a package, and of the packages that it stands for.
fn firmware(lowering: &mut Lowering<'_>, flist: &Flist, package: &Spanned<String>) -> Content {
    let packages = lowering.inputs.lock.packages.iter();
    let set: Vec<_> = packages
        .filter(|locked| locked.role == Role::Flist && locked.because.contains(&package.value))
        .collect();
    let version = set.iter().find(|locked| locked.name == package.value);
    let version = version.map(|locked| locked.version.clone());
    let content = Action::Folder {
        trees: files_of(lowering, set),
        at: FIRMWARE.map(fixed).into(),
        flist: Some(flist.name.value.clone()),
    };
    Content {
        tree: add(lowering, flist, "content of", content),
        folder: fixed(FIRMWARE[0]),
        of: ContentOf::Packages,
        version,
        description: format!("firmware of {}", package.value),
    }
}

/// A folder of the image, and the image without what lies in it.
fn folder_of(
    lowering: &mut Lowering<'_>,
    flist: &Flist,
    folder: &Spanned<String>,
    image: Input,
) -> (Content, Input) {
    let folder = path(&filled(lowering, folder));
    let content = Action::Folder {
        trees: vec![image],
        at: vec![folder.clone()],
        flist: Some(flist.name.value.clone()),
    };
    let tree = add(lowering, flist, "content of", content);
    let leave = Action::Leave {
        tree: image,
        folder: folder.clone(),
    };
    let without = add(lowering, flist, "image without", leave);
    lowering.plan.reductions.push(Reduction {
        what: format!("flist {}", flist.name.value),
        patterns: Vec::new(),
        before: image,
        after: without,
    });
    let content = Content {
        tree,
        description: folder.to_string(),
        folder,
        of: ContentOf::Image,
        version: None,
    };
    (content, without)
}

fn pack(lowering: &mut Lowering<'_>, flist: &Flist, content: Content) {
    let tag = flist.tag.as_ref().map(|tag| tag.value.clone());
    let version = tag.or(content.version);
    let mut tags = BTreeMap::from([("description".to_owned(), content.description)]);
    tags.extend(
        version
            .iter()
            .map(|version| ("version".to_owned(), version.clone())),
    );
    let action = Action::Flist {
        tree: content.tree,
        name: flist.name.value.clone(),
        route: flist.read.value.clone(),
        tags,
        epoch: lowering.inputs.epoch,
    };
    let output = add(lowering, flist, "flist", action);
    let subject = format!("flist {}", flist.name.value);
    lowering
        .plan
        .say(output, &subject, "", version.unwrap_or_default());
    let planned = PlannedFlist {
        name: flist.name.clone(),
        embed: path(&filled(lowering, &flist.embed)),
        mount: flist
            .mount
            .as_ref()
            .map(|mount| path(&filled(lowering, mount))),
        folder: content.folder,
        content_of: content.of,
        content: content.tree,
        output,
        write: flist.write.clone(),
        read: flist.read.value.clone(),
    };
    lowering.plan.flists.push(planned);
}

fn add(lowering: &mut Lowering<'_>, flist: &Flist, what: &str, action: Action) -> Input {
    let (label, site) = (format!("{what} {}", flist.name.value), flist.name.span);
    let plan = &mut lowering.plan;
    plan.add(Stage::RfsFlists, label, Some(site), action)
}

/// A path with the kernel's release in it, the one variable that `check` has left.
fn filled(lowering: &Lowering<'_>, text: &str) -> String {
    match lowering.kernel() {
        Some(kernel) => text.replace("{kernel}", &kernel.release),
        None => text.to_owned(),
    }
}

/// A path that `check` has seen to be sound. Only a kernel's release can make it another one, and then it names nothing.
fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap_or_else(|_| ImagePath::root())
}
