//! One line of a lock: what zosc needs of it must be there and be sound. Further words are passed over, and gone when it is written anew.

use std::collections::BTreeMap;

use crate::syntax::{Node, Value};
use crate::tree::{Digest, ImagePath};

use super::super::{
    Lock, LockedIndex, LockedKernel, LockedKernelSource, LockedPackage, LockedSignature,
    LockedSource, LockedToolchain, LockedVendor, Role, Vendor,
};
use super::role_name;

/// A node's first argument and its properties.
struct Line<'n> {
    name: String,
    properties: BTreeMap<&'n str, &'n Value>,
}

/// Reads one line; `None` where anything is missing or not as it is written.
pub(super) fn read_node(node: &Node, lock: &mut Lock) -> Option<()> {
    let line = Line::of(node)?;
    match node.name.value.as_str() {
        "wish" => lock.wishes.push(line.name),
        "index" => lock.indexes.push(line.index()?),
        "package" => lock.packages.push(line.package(line.role()?)?),
        "toolchain-index" | "toolchain-package" => {
            let toolchain = lock.toolchains.get_mut(&line.text("toolchain")?);
            let Some(LockedToolchain::Alpine {
                indexes, packages, ..
            }) = toolchain
            else {
                return None;
            };
            if node.name.value == "toolchain-index" {
                indexes.push(line.index()?);
            } else {
                packages.push(line.package(Role::Image)?);
            }
        }
        "toolchain-variable" => {
            let toolchain = lock.toolchains.get_mut(&line.text("toolchain")?);
            let Some(LockedToolchain::Image { environment, .. }) = toolchain else {
                return None;
            };
            let value = line.text("value")?;
            environment.insert(line.name, value);
        }
        "vendored" => {
            let mut by = [Vendor::Cargo, Vendor::Go].into_iter();
            let vendored = LockedVendor {
                by: by.find(|by| line.text("by").as_deref() == Some(by.name()))?,
                from: line.digest("from")?,
                tree: line.digest("tree")?,
            };
            lock.vendored.insert(line.name, vendored);
        }
        "kernel" => {
            lock.kernel = Some(LockedKernel {
                image: ImagePath::new(&line.text("image")?).ok()?,
                release: line.name,
            });
        }
        "kernel-source" => {
            lock.kernel_source = Some(LockedKernelSource {
                sha256: line.text("sha256")?.parse().ok()?,
                size: line.number("size")?,
                archive: line.text("archive"),
                made: line.number("made")?,
                signature: None,
                urls: vec![line.name],
            });
        }
        "kernel-signature" => {
            lock.kernel_source.as_mut()?.signature = Some(LockedSignature {
                sha256: line.text("sha256")?.parse().ok()?,
                size: line.number("size")?,
                url: line.name,
            });
        }
        kind => {
            if let Some(toolchain) = line.toolchain(kind) {
                lock.toolchains.insert(line.name, toolchain);
            } else {
                let source = line.source(kind)?;
                lock.sources.insert(line.name, source);
            }
        }
    }
    Some(())
}

impl<'n> Line<'n> {
    fn of(node: &'n Node) -> Option<Self> {
        let name = node.arguments().next();
        let properties = node.entries.iter();
        Some(Self {
            name: name.and_then(|entry| string(&entry.value.value))?,
            properties: properties
                .filter_map(|entry| Some((entry.key.as_ref()?.value.as_str(), &entry.value.value)))
                .collect(),
        })
    }

    fn text(&self, key: &str) -> Option<String> {
        self.properties.get(key).copied().and_then(string)
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.properties.get(key) {
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    fn words(&self, key: &str) -> Vec<String> {
        self.text(key)
            .map(|list| list.split(' ').map(str::to_owned).collect())
            .unwrap_or_default()
    }

    fn digest(&self, key: &str) -> Option<Digest> {
        self.text(key)?.parse().ok()
    }

    fn role(&self) -> Option<Role> {
        [
            Role::Image,
            Role::Kernel,
            Role::Stub,
            Role::Firmware,
            Role::Microcode,
            Role::Flist,
        ]
        .into_iter()
        .find(|role| self.text("role").as_deref() == Some(role_name(*role)))
    }

    fn index(&self) -> Option<LockedIndex> {
        Some(LockedIndex {
            url: self.name.clone(),
            tag: self.text("tag"),
            sha256: self.digest("sha256")?,
        })
    }

    fn package(&self, role: Role) -> Option<LockedPackage> {
        Some(LockedPackage {
            role,
            name: self.name.clone(),
            version: self.text("version")?,
            urls: vec![self.text("url")?],
            identity: self.text("identity")?,
            sha256: self.digest("sha256")?,
            size: self.number("size")?,
            built: self.number("built")?,
            scripts: self.words("scripts").into_iter().collect(),
            triggers: self.words("triggers"),
            because: self.words("because"),
        })
    }

    fn toolchain(&self, kind: &str) -> Option<LockedToolchain> {
        match kind {
            "toolchain" => Some(LockedToolchain::Alpine {
                wishes: self.words("wishes"),
                indexes: Vec::new(),
                packages: Vec::new(),
            }),
            "toolchain-image" => Some(LockedToolchain::Image {
                reference: self.text("image")?,
                sha256: self.digest("sha256")?,
                tree: self.digest("tree")?,
                environment: BTreeMap::new(),
            }),
            "toolchain-rootfs" => Some(LockedToolchain::Download {
                url: self.text("url")?,
                sha256: self.digest("sha256")?,
                size: self.number("size")?,
            }),
            _ => None,
        }
    }

    fn source(&self, kind: &str) -> Option<LockedSource> {
        match kind {
            "crate" => Some(LockedSource::Crate {
                name: self.text("package")?,
                version: self.text("version")?,
                tree: self.digest("tree")?,
            }),
            "git" => {
                let with = self.words("with");
                let with = |word: &str| with.iter().any(|known| known == word);
                Some(LockedSource::Git {
                    url: self.text("url")?,
                    revision: self.text("revision")?,
                    commit: self.text("commit")?,
                    submodules: with("submodules"),
                    keep_git: with("git"),
                    tree: self.digest("tree")?,
                })
            }
            "release" => Some(LockedSource::Release {
                url: self.text("url")?,
                sha256: self.digest("sha256")?,
                size: self.number("size")?,
            }),
            _ => None,
        }
    }
}

fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}
