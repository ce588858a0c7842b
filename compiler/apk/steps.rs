//! The order in which apk installs packages and runs their scripts.

use std::collections::BTreeSet;

use super::script::ScriptKind;

/// One step of an installation; packages are given by their place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Install the files of these packages, in order.
    Install(std::ops::Range<usize>),
    /// Run a script: `/lib/apk/exec/NAME-VERSION.KIND` in the root, as root, from `/`, with nothing but a `PATH` of
    /// `/usr/sbin:/usr/bin:/sbin:/bin` in the environment and the package's version as its argument; a trigger gets the
    /// matching directories instead.
    Script {
        /// The package.
        package: usize,
        /// Which of its scripts.
        kind: ScriptKind,
    },
    /// Give directories their owners and modes.
    SettleDirectories,
}

/// The steps that installing packages, in this order, takes: of each, the scripts that it carries and that are to run.
///
/// A package's pre-install script runs before its files are there and its post-install script right after, so later
/// packages find users that it made; triggers run once at the end, in the order of installation.
pub fn installation_steps(packages: &[BTreeSet<ScriptKind>]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut installed = 0;
    let mut install_up_to = |steps: &mut Vec<Step>, end: usize| {
        if installed < end {
            steps.push(Step::Install(installed..end));
            installed = end;
        }
    };
    for (index, scripts) in packages.iter().enumerate() {
        for (kind, end) in [
            (ScriptKind::PreInstall, index),
            (ScriptKind::PostInstall, index + 1),
        ] {
            if scripts.contains(&kind) {
                install_up_to(&mut steps, end);
                steps.push(Step::Script {
                    package: index,
                    kind,
                });
            }
        }
    }
    install_up_to(&mut steps, packages.len());
    steps.push(Step::SettleDirectories);
    let kind = ScriptKind::Trigger;
    let triggers = packages.iter().enumerate();
    steps.extend(
        triggers
            .filter(|(_, scripts)| scripts.contains(&kind))
            .map(|(package, _)| Step::Script { package, kind }),
    );
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_run_round_their_package_and_triggers_last() {
        use ScriptKind::{PostInstall, PreInstall, Trigger};
        let packages = [
            BTreeSet::new(),
            BTreeSet::from([PostInstall, Trigger, ScriptKind::PostUpgrade]),
            BTreeSet::from([PreInstall, PostInstall]),
            BTreeSet::new(),
        ];
        let script = |package, kind| Step::Script { package, kind };
        assert_eq!(
            installation_steps(&packages),
            [
                Step::Install(0..2),
                script(1, PostInstall),
                script(2, PreInstall),
                Step::Install(2..3),
                script(2, PostInstall),
                Step::Install(3..4),
                Step::SettleDirectories,
                script(1, Trigger),
            ]
        );
    }
}
