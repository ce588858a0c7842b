//! Files of this machine that go into the image as they are.

use crate::check::FileContent;
use crate::sbom::{Class, Component};

use super::Listing;

impl Listing<'_, '_> {
    /// Single files and overlays, by their places in the image: where they lie on this machine is nobody's business.
    pub(super) fn files(&mut self) {
        let lowering = self.lowering;
        for file in &lowering.image.files {
            let FileContent::Local(path) = &file.content else {
                continue;
            };
            let Some(local) = lowering.inputs.files.get(&path.value) else {
                continue;
            };
            let to = file.to.value.as_str();
            let component = Component {
                class: Class::File,
                name: to.to_owned(),
                sha256: Some(local.digest),
                ..Component::default()
            };
            self.add_direct(&format!("file{to}"), component);
        }
        for overlay in &lowering.image.overlays {
            let Some(tree) = lowering.inputs.folders.get(&overlay.from.value) else {
                continue;
            };
            let name = overlay.from.value.file_name().unwrap_or_default();
            let name = name.to_string_lossy();
            let mut component = Component {
                class: Class::File,
                name: name.clone().into_owned(),
                summary: format!("a folder that is laid over {}", overlay.to),
                ..Component::default()
            };
            component.fact("tree", tree);
            self.add_direct(&format!("overlay/{name}:{}", overlay.to), component);
        }
    }
}
