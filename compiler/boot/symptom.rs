//! What lines of a console tell of a boot that goes wrong, and what helps against it.

/// Why a kernel found nothing to start, or could not go on; told before it died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// `rdinit=` names a file that the image does not have; its path.
    NoRdinit(String),
    /// A program was found and cannot be run; its path.
    CannotRun(String),
    /// There is no `/init`, and no disk with a system.
    NoInit,
    /// The initramfs could not be unpacked; the kernel's words.
    NotUnpacked(String),
    /// Process 1 has ended, with this status of `wait`.
    InitEnded(u32),
    /// The memory is too small.
    NoMemory,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Symptom {
    /// Something that a death which follows is due to.
    Cause(Cause),
    /// The kernel has died.
    Panic,
    /// The firmware did not start what no key that it trusts has signed.
    Refused,
    /// The firmware found nothing to start.
    NoBootEntry,
}

/// Everything that a line tells, in order.
pub(super) fn symptoms(line: &str) -> Vec<Symptom> {
    let mut found: Vec<Symptom> = cause(line).map(Symptom::Cause).into_iter().collect();
    if line.contains("Kernel panic - not syncing") {
        found.push(Symptom::Panic);
    }
    if is_refusal(line) {
        found.push(Symptom::Refused);
    }
    if line.contains("BdsDxe: No bootable option or device was found")
        || line.contains("UEFI Interactive Shell v")
    {
        found.push(Symptom::NoBootEntry);
    }
    found
}

fn cause(line: &str) -> Option<Cause> {
    let behind = |words: &str| line.split_once(words).map(|(_, rest)| rest.trim());
    if let Some(rest) = behind("check access for rdinit=") {
        let path = rest.split_once(" failed").map_or(rest, |(path, _)| path);
        return Some(Cause::NoRdinit(path.to_owned()));
    }
    if let Some(rest) = behind("Failed to execute ").or_else(|| behind("Requested init ")) {
        let path = rest.split(' ').next().unwrap_or_default();
        return Some(Cause::CannotRun(path.to_owned()));
    }
    if let Some(rest) = behind("Initramfs unpacking failed: ") {
        return Some(Cause::NotUnpacked(rest.to_owned()));
    }
    if let Some(rest) = behind("Attempted to kill init! exitcode=0x") {
        let digits: String = rest
            .chars()
            .take_while(char::is_ascii_hexdigit)
            .take(8)
            .collect();
        return u32::from_str_radix(&digits, 16).ok().map(Cause::InitEnded);
    }
    if line.contains("Unable to mount root fs") || line.contains("No working init found") {
        return Some(Cause::NoInit);
    }
    let memory = [
        "System is deadlocked on memory",
        "Out of memory and no killable",
    ];
    let is_memory = memory.iter().any(|words| line.contains(words));
    is_memory.then_some(Cause::NoMemory)
}

/// What edk2 says of a program that Secure Boot does not let start.
fn is_refusal(line: &str) -> bool {
    let names_it = line.contains("BdsDxe: failed to ");
    names_it && (line.contains("Access Denied") || line.contains("Security Violation"))
}

impl Cause {
    /// Whether the kernel never started a program.
    pub(super) fn is_missing_init(&self) -> bool {
        matches!(
            self,
            Self::NoRdinit(_) | Self::CannotRun(_) | Self::NoInit | Self::NotUnpacked(_)
        )
    }

    /// What it comes to, as a clause.
    pub(super) fn fact(&self) -> String {
        match self {
            Self::NoRdinit(path) => format!("`rdinit=` names `{path}`, which the image lacks"),
            Self::CannotRun(path) => format!("the kernel cannot run `{path}`"),
            Self::NoInit => "the image has no `/init`".to_owned(),
            Self::NotUnpacked(words) => {
                format!("the kernel could not unpack the initramfs: `{words}`")
            }
            Self::InitEnded(status) => format!("process 1 {}", ended(*status)),
            Self::NoMemory => "the machine has too little memory".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::NoRdinit(path) => format!(
                "take `rdinit={path}` out of `cmdline`, so that `/init` is started, or put the file into the image"
            ),
            Self::CannotRun(path) => format!(
                "see with `zosc inspect` that `{path}` may be executed (`mode=\"0755\"`), and that the interpreter in its first line is in the image, for this processor"
            ),
            Self::NoInit => "add `import \"std:zero-os/base\"`, which brings `/init`, or a `file \"/init\" mode=\"0755\"` of your own".to_owned(),
            Self::NotUnpacked(_) => "give the machine more memory (`--memory 2GiB`); where that does not help, the kernel lacks what unpacks it: `CONFIG_RD_XZ` or `CONFIG_RD_ZSTD`".to_owned(),
            Self::InitEnded(_) => "process 1 must never end: read the lines before it, and see what `/init` does last".to_owned(),
            Self::NoMemory => "give it more: `--memory 2GiB`, or `boot memory=\"2GiB\"`".to_owned(),
        }
    }
}

/// How a process ended, by its status as `wait` has it.
fn ended(status: u32) -> String {
    match (status & 0x7f, status >> 8 & 0xff) {
        (0, 127) => "ended with code 127: a program was not found".to_owned(),
        (0, code) => format!("ended with code {code}"),
        (signal, _) => format!("was ended by signal {signal}"),
    }
}
