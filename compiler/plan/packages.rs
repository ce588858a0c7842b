//! Alpine packages: fetched, unpacked, installed in order with their scripts between, and recorded.

use std::collections::{BTreeMap, BTreeSet};

use crate::apk::{ScriptKind, Step, installation_steps};
use crate::check::Alpine;
use crate::lock::{LockedPackage, Role};
use crate::source::Span;
use crate::tree::ImagePath;

use super::lower::Lowering;
use super::{Action, Arguments, Capture, Input, Root, Stage};

/// Packages that become one root.
pub(super) struct Assembly<'a> {
    /// The packages in the order of installation.
    pub(super) packages: Vec<&'a LockedPackage>,
    /// Lines of `/etc/apk/world`.
    pub(super) world: Vec<String>,
    /// The repositories and keys that apk inside the root will use.
    pub(super) alpine: Option<&'a Alpine>,
    /// The toolchain that they make up, and its place; `None` for the image.
    pub(super) toolchain: Option<(&'a str, Span)>,
}

/// The root with all packages of the image, or `None` where the manifest installs none.
pub(super) fn packages(lowering: &mut Lowering<'_>) -> Option<Input> {
    let assembly = Assembly {
        packages: role(lowering, Role::Image).collect(),
        // What the lock answers, in the one spelling that apk reads.
        world: lowering.inputs.lock.wishes.clone(),
        alpine: lowering.image.alpine.as_ref(),
        toolchain: None,
    };
    (!assembly.packages.is_empty()).then(|| assemble(lowering, &assembly))
}

/// A root with packages.
///
/// The order is apk's own ([`installation_steps`]). Packages without scripts between two scripts are installed in one action.
pub(super) fn assemble(lowering: &mut Lowering<'_>, assembly: &Assembly<'_>) -> Input {
    let packages = &assembly.packages;
    let unpacked: Vec<Input> = packages
        .iter()
        .map(|package| unpack_at(lowering, package, assembly.site(lowering, package)))
        .collect();
    let mut root = Installation {
        assembly,
        unpacked: &unpacked,
        done: 0,
        root: None,
    };
    let scripts: Vec<BTreeSet<ScriptKind>> = packages
        .iter()
        .map(|package| assembly.scripts(lowering, package))
        .collect();
    for step in installation_steps(&scripts) {
        match step {
            Step::Install(range) => {
                root.install_up_to(lowering, range.end);
            }
            Step::Script {
                package,
                kind: ScriptKind::Trigger,
            } => root.trigger(lowering, package),
            Step::Script { package, kind } => root.script(lowering, package, kind),
            // Where no trigger runs, recording packages does it.
            Step::SettleDirectories => {
                let triggers = |scripts: &BTreeSet<_>| scripts.contains(&ScriptKind::Trigger);
                if scripts.iter().any(triggers) {
                    root.settle(lowering);
                }
            }
        }
    }
    root.finish(lowering)
}

impl Assembly<'_> {
    /// The scripts of a package that run: in a toolchain all, in the image where the manifest lets them.
    fn scripts(&self, lowering: &Lowering<'_>, package: &LockedPackage) -> BTreeSet<ScriptKind> {
        let may_run =
            self.toolchain.is_some() || lowering.image.packages.runs_scripts_of(&package.name);
        let names = package.scripts.iter().filter(|_| may_run);
        names
            .filter_map(|name| ScriptKind::from_name(name))
            .collect()
    }

    fn site(&self, lowering: &Lowering<'_>, package: &LockedPackage) -> Option<Span> {
        match self.toolchain {
            Some((_, span)) => Some(span),
            None => site(lowering, package),
        }
    }
}

/// A root that packages are being installed in.
struct Installation<'a> {
    assembly: &'a Assembly<'a>,
    unpacked: &'a [Input],
    /// How many packages are installed.
    done: usize,
    root: Option<Input>,
}

impl Installation<'_> {
    /// Plans a step under a label that says what the root is for.
    fn add(
        &self,
        lowering: &mut Lowering<'_>,
        label: &str,
        site: Option<Span>,
        action: Action,
    ) -> Input {
        let (stage, label, site) = match self.assembly.toolchain {
            Some((name, span)) => {
                let label = format!("{label} in toolchain {name}");
                (Stage::ComponentsBuild, label, Some(span))
            }
            None => (Stage::AlpinePackages, label.to_owned(), site),
        };
        lowering.plan.add(stage, label, site, action)
    }

    /// Installs the packages before `end` that are not installed yet; makes the initial root where there is none.
    fn install_up_to(&mut self, lowering: &mut Lowering<'_>, end: usize) -> Input {
        if let Some(root) = self.root
            && self.done == end
        {
            return root;
        }
        let action = Action::InstallPackages {
            root: self.root,
            installed: self.unpacked[..self.done].to_vec(),
            packages: self.unpacked[self.done..end].to_vec(),
        };
        let label = match &self.assembly.packages[self.done..end] {
            [] => "initial root".to_owned(),
            [only] => format!("install {}", only.name),
            [first, .., last] => format!("install {} … {}", first.name, last.name),
        };
        let root = self.add(lowering, &label, None, action);
        self.root = Some(root);
        self.done = end;
        root
    }

    /// Gives directories the owners and modes that packages agree on; before that, they are root's.
    fn settle(&mut self, lowering: &mut Lowering<'_>) {
        let action = Action::SettleDirectories {
            root: self.install_up_to(lowering, self.assembly.packages.len()),
            packages: self.unpacked.to_vec(),
        };
        self.root = Some(self.add(lowering, "settle directories", None, action));
    }

    fn script(&mut self, lowering: &mut Lowering<'_>, index: usize, kind: ScriptKind) {
        let version = self.assembly.packages[index].version.clone();
        self.run(lowering, index, kind.name(), Some(version), None);
    }

    fn trigger(&mut self, lowering: &mut Lowering<'_>, index: usize) {
        let package = self.assembly.packages[index];
        let root = self.install_up_to(lowering, self.assembly.packages.len());
        let action = Action::TriggerDirectories {
            root,
            packages: self.unpacked.to_vec(),
            package: self.unpacked[index],
        };
        let label = format!("directories for the trigger of {}", package.name);
        let directories = self.add(lowering, &label, None, action);
        let script = ScriptKind::Trigger.name();
        self.run(lowering, index, script, None, Some(directories));
    }

    /// Runs a script as apk does: in the root, by its path below `/lib/apk/exec`, with a search path and nothing else.
    fn run(
        &mut self,
        lowering: &mut Lowering<'_>,
        index: usize,
        script: &str,
        argument: Option<String>,
        further: Option<Input>,
    ) {
        let package = self.assembly.packages[index];
        let root = self.install_up_to(lowering, self.done);
        let site = site(lowering, package);
        let content = Action::PackageScript {
            package: self.unpacked[index],
            script: script.to_owned(),
        };
        let label = format!("{script} of {}", package.name);
        let content = self.add(lowering, &format!("read {label}"), site, content);
        let path = format!("lib/apk/exec/{}-{}.{script}", package.name, package.version);
        let fixed_arguments = [Some(path.clone()), argument]
            .into_iter()
            .flatten()
            .collect();
        let action = Action::Run {
            root: Root::Tree(root),
            mounts: Vec::new(),
            files: BTreeMap::from([(
                ImagePath::new(&path).unwrap_or_else(|_| ImagePath::root()),
                content,
            )]),
            arguments: Arguments {
                fixed: fixed_arguments,
                further,
            },
            environment: BTreeMap::from([(
                "PATH".to_owned(),
                "/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            )]),
            directory: ImagePath::root(),
            capture: Capture::Root,
            origin: format!("package {}-{}", package.name, package.version),
            epoch: lowering.inputs.epoch,
        };
        let root = self.add(lowering, &label, site, action);
        let arch = lowering.image.arch;
        lowering.plan.runs_programs_of(root, Some(arch));
        self.root = Some(root);
    }

    /// Writes the database and the settings that apk inside the image looks for.
    fn finish(mut self, lowering: &mut Lowering<'_>) -> Input {
        let root = self.install_up_to(lowering, self.assembly.packages.len());
        let alpine = self.assembly.alpine;
        let repositories = alpine
            .iter()
            .flat_map(|alpine| &alpine.repositories)
            .filter_map(|repository| {
                // A folder of the building machine means nothing inside the image, and would make it differ from place to place.
                let url = repository
                    .urls
                    .iter()
                    .find(|url| !url.starts_with("file://"))?;
                Some(
                    repository
                        .tag
                        .as_ref()
                        .map_or_else(|| url.clone(), |tag| format!("@{tag} {url}")),
                )
            });
        let keys = alpine.iter().flat_map(|alpine| &alpine.keys);
        let action = Action::FinishPackages {
            root,
            packages: self.unpacked.to_vec(),
            world: self.assembly.world.clone(),
            repositories: repositories.collect(),
            arch: lowering.image.arch.to_string(),
            keys: keys
                .map(|key| (key.name.clone(), key.pem.clone()))
                .collect(),
        };
        self.add(lowering, "record packages", None, action)
    }
}

/// Fetches and unpacks one package.
pub(super) fn unpack(lowering: &mut Lowering<'_>, package: &LockedPackage) -> Input {
    let site = site(lowering, package);
    unpack_at(lowering, package, site)
}

fn unpack_at(lowering: &mut Lowering<'_>, package: &LockedPackage, site: Option<Span>) -> Input {
    let fetch = Action::Fetch {
        urls: package.urls.clone(),
        sha256: package.sha256,
        size: package.size,
    };
    let file = lowering.plan.add(
        Stage::AlpineExtract,
        format!("fetch {}", package.name),
        site,
        fetch,
    );
    let unpack = Action::UnpackPackage {
        package: file,
        name: package.name.clone(),
        version: package.version.clone(),
        identity: package.identity.clone(),
    };
    let label = format!("unpack {}", package.name);
    let unpacked = lowering.plan.add(Stage::AlpineExtract, label, site, unpack);
    let subject = format!("package {}", package.name);
    let version = package.version.as_str();
    for output in [file, unpacked] {
        lowering.plan.say(output, &subject, "", version);
    }
    lowering.materials.packages.insert(package.sha256, unpacked);
    unpacked
}

/// The locked packages of one role, in the order of the lock.
pub(super) fn role<'a>(
    lowering: &Lowering<'a>,
    role: Role,
) -> impl Iterator<Item = &'a LockedPackage> + use<'a> {
    lowering
        .inputs
        .lock
        .packages
        .iter()
        .filter(move |package| package.role == role)
}

fn site(lowering: &Lowering<'_>, package: &LockedPackage) -> Option<Span> {
    lowering
        .plan
        .sites
        .get(&format!("package {}", package.name))
        .copied()
}
