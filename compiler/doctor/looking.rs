//! A look under way: what counts, what was found, and which packages would help.

use std::collections::BTreeSet;

use crate::tools::{self, System};

use super::machine::Machine;
use super::needs::{Need, Needs, Wanted};
use super::report::{Finding, Report, Section, State};

/// A look under way.
pub(super) struct Looking<'a> {
    pub(super) machine: &'a dyn Machine,
    system: Option<System>,
    needs: Option<Needs>,
    everything: bool,
    findings: Vec<Finding>,
}

impl<'a> Looking<'a> {
    pub(super) fn new(
        machine: &'a dyn Machine,
        system: Option<System>,
        needs: Option<Needs>,
        everything: bool,
    ) -> Self {
        Self {
            machine,
            system,
            needs,
            everything,
            findings: Vec::new(),
        }
    }

    /// Whether something is worth a look.
    pub(super) fn counts(&self, wanted: &Wanted) -> bool {
        self.everything
            || self
                .needs
                .as_ref()
                .is_none_or(|needs| needs.contains_key(wanted))
    }

    /// Why an image needs something, where that is known.
    pub(super) fn need(&self, wanted: &Wanted) -> Option<&Need> {
        self.needs.as_ref()?.get(wanted)
    }

    /// What an image needs beyond what is looked at on every machine.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let needs = self.needs.iter().flatten();
        needs.map(|(wanted, _)| wanted.clone()).collect()
    }

    /// Adds what was found of something. What no build of the image needs fails nothing.
    pub(super) fn add(&mut self, wanted: &Wanted, mut finding: Finding) {
        let need = self.need(wanted).cloned();
        let is_needed = need.as_ref().is_some_and(|need| !need.only_boot);
        let may_lack = self.needs.is_some() || is_seldom(wanted);
        if finding.state == State::Missing && !is_needed && may_lack {
            finding.state = State::Aside;
        }
        finding.needed_by = need.map_or_else(Vec::new, |need| need.by);
        self.findings.push(finding);
    }

    /// Adds what was found of something that counts for every build.
    pub(super) fn add_anyway(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Something missing that packages have, which `tools` knows as `tool`.
    pub(super) fn absent(&self, section: Section, name: &str, tool: &str) -> Finding {
        self.installable(Finding::missing(section, name, "not found"), tool)
    }

    /// Whether a distribution is known whose packages have what `tools` knows as `tool`.
    pub(super) fn has_package(&self, tool: &str) -> bool {
        let system = self.system.as_ref();
        system.is_some_and(|system| tools::packages(tool, system.family).is_some())
    }

    /// Says which packages would mend something.
    pub(super) fn installable(&self, mut finding: Finding, tool: &str) -> Finding {
        let Some(system) = &self.system else {
            return finding.remedy(format!("install {tool}"));
        };
        let Some(packages) = tools::packages(tool, system.family) else {
            let remedy = format!("install {tool}, which this distribution has no package of");
            return finding.remedy(remedy);
        };
        if let Some(from) = tools::backports(tool, system) {
            let command = self.command(system, &format!("-t {from} {packages}"));
            return finding.remedy(format!("{command}, with {from} among apt's sources"));
        }
        finding.packages = packages.split(' ').map(str::to_owned).collect();
        finding.remedy(self.command(system, packages))
    }

    /// Whether something was found to work.
    pub(super) fn works(&self, name: &str) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.name == name && finding.state == State::Works)
    }

    fn command(&self, system: &System, packages: &str) -> String {
        let sudo = if self.machine.is_root() { "" } else { "sudo " };
        format!("{sudo}{} {packages}", system.family.installer())
    }

    /// The report, with what others have found.
    pub(super) fn conclude(self, further: Vec<Finding>) -> Report {
        let mut findings = self.findings.clone();
        findings.extend(further);
        findings.sort_by_key(|finding| finding.section);
        let missing = findings
            .iter()
            .filter(|finding| finding.state == State::Missing);
        let mut packages: Vec<&str> = Vec::new();
        let mut seen = BTreeSet::new();
        for package in missing.flat_map(|finding| &finding.packages) {
            if seen.insert(package) {
                packages.push(package);
            }
        }
        let system = self.system.as_ref().filter(|_| !packages.is_empty());
        let install = system.map(|system| self.command(system, &packages.join(" ")));
        let ready = if self.needs.is_some() {
            findings
                .iter()
                .all(|finding| finding.state != State::Missing)
        } else {
            findings.iter().any(runs_commands)
        };
        Report {
            findings,
            install,
            ready,
        }
    }
}

/// Whether a machine can well do without something that no manifest asks for.
fn is_seldom(wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Named(name) => ["pahole", "upx", "swtpm", "cloud-hypervisor"].contains(name),
        Wanted::Qemu(arch) => arch != "x86_64",
        _ => false,
    }
}

/// Whether this is something that foreign code can run in.
fn runs_commands(finding: &Finding) -> bool {
    let can = match finding.section {
        Section::Sandbox => finding.name == super::sandbox::NAMESPACES,
        Section::Engines => true,
        _ => false,
    };
    can && finding.state == State::Works
}
