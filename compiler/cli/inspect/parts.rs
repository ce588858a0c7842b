//! Which parts of a report are shown.

use serde_json::Value;

/// The parts that can be asked for alone.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(id = "parts", multiple = true)]
#[allow(clippy::struct_excessive_bools)] // Each is an option of its own on the command line.
pub(super) struct Parts {
    /// Every file, with its origin.
    #[arg(long)]
    pub(super) files: bool,
    /// Who takes the space.
    #[arg(long)]
    pub(super) sizes: bool,
    /// How the space is shared out.
    #[arg(long, value_name = "WHAT")]
    pub(super) by: Option<By>,
    /// Units of zinit in the order in which they start.
    #[arg(long)]
    pub(super) units: bool,
    /// Kernel modules, and the firmware that they may ask for.
    #[arg(long)]
    pub(super) modules: bool,
    /// Lists of files that are not in the image: what they hold, and where that is read.
    #[arg(long)]
    pub(super) flists: bool,
    /// The archives that the initramfs consists of.
    #[arg(long)]
    pub(super) segments: bool,
    /// What the kernel can do.
    #[arg(long)]
    pub(super) kernel: bool,
    /// Sections, signature, PCR 11 and SBAT of an EFI program.
    #[arg(long)]
    pub(super) efi: bool,
}

/// How the space is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum By {
    /// By package, source, module, unit, file.
    Origin,
    /// By kind of origin.
    Kind,
    /// By folder, two deep.
    Folder,
}

/// How much of a part is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Nothing.
    None,
    /// The gist.
    Short,
    /// Everything.
    Full,
}

impl Parts {
    /// Whether any part was asked for.
    pub(super) fn is_any(self) -> bool {
        self.sizes() || self.asked().iter().any(|(_, asked)| *asked)
    }

    /// Whether sizes were asked for.
    pub(super) fn sizes(self) -> bool {
        self.sizes || self.by.is_some()
    }

    /// How much of a part is shown, by whether it was asked for.
    pub(super) fn detail(self, asked: bool) -> Detail {
        match (asked, self.is_any()) {
            (true, _) => Detail::Full,
            (false, true) => Detail::None,
            (false, false) => Detail::Short,
        }
    }

    /// Members of a report or of its `initramfs`, and whether they were asked for.
    fn asked(self) -> [(&'static str, bool); 7] {
        [
            ("listing", self.files),
            ("units", self.units),
            ("modules", self.modules),
            ("flists", self.flists),
            ("segments", self.segments),
            ("kernel", self.kernel),
            ("efi", self.efi),
        ]
    }

    /// Leaves of a report only what was asked for; without any wish, everything.
    pub(super) fn only(self, mut report: Value) -> Value {
        if !self.is_any() {
            return report;
        }
        let asked = self.asked().into_iter().chain([("sizes", self.sizes())]);
        for (member, _) in asked.filter(|(_, asked)| !asked) {
            remove(&mut report, member);
            if let Some(contents) = report.get_mut("initramfs") {
                remove(contents, member);
            }
        }
        report
    }
}

fn remove(object: &mut Value, member: &str) {
    if let Some(object) = object.as_object_mut() {
        object.shift_remove(member);
    }
}
