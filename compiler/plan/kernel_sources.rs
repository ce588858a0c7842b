//! From a kernel's locked download to its sources as a tree.

use crate::lock::LockedKernelSource;
use crate::tree::ImagePath;

use super::{Action, Input, Plan, Stage};

/// A plan that ends with a kernel's unpacked sources, as every build of it unpacks them.
///
/// That a signature is verified on the way changes no byte, so it is left out here.
pub fn kernel_sources(locked: &LockedKernelSource) -> Plan {
    let mut plan = Plan::default();
    let mut add = |label: &str, action| plan.add(Stage::KernelBuild, label, None, action);
    let (archive, name) = archive(locked, &mut add);
    add("unpack kernel", unpack(archive, name));
    plan
}

/// The archive with the sources, and its file name: a download, or a file of one.
pub(super) fn archive(
    locked: &LockedKernelSource,
    add: &mut dyn FnMut(&str, Action) -> Input,
) -> (Input, String) {
    let fetch = Action::Fetch {
        urls: locked.urls.clone(),
        sha256: locked.sha256,
        size: locked.size,
    };
    let download = add("fetch kernel", fetch);
    let name = file_name(locked.urls.first().map_or("", String::as_str));
    let Some(inner) = &locked.archive else {
        return (download, name.to_owned());
    };
    let unpack = Action::Unpack {
        archive: download,
        name: name.to_owned(),
        strip_components: 0,
        origin: "kernel package".to_owned(),
    };
    let tree = add("unpack kernel package", unpack);
    let pick = Action::PickFile {
        tree,
        path: ImagePath::new(inner).unwrap_or_else(|_| ImagePath::root()),
    };
    (add("kernel archive", pick), file_name(inner).to_owned())
}

/// Unpacks the archive with the sources.
pub(super) fn unpack(archive: Input, name: String) -> Action {
    Action::Unpack {
        archive,
        name,
        strip_components: 1,
        origin: "kernel sources".to_owned(),
    }
}

/// The last part of an address or path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or(path)
}
