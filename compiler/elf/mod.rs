//! ELF programs: what they need to run, whether that is nothing, and what they can do without.
//!
//! Comes in: the bytes of one file. Goes out: facts, a refusal, or a smaller file. Never runs anything, never looks for the
//! libraries that it names.

mod build_paths;
mod headers;
mod strip;

pub use build_paths::{BuildPath, Where, build_paths, verify_no_build_paths};
pub use strip::{Stripped, strip_module, strip_program};

use goblin::elf::program_header::PT_DYNAMIC;
use goblin::elf::{Elf, dynamic, header, section_header};
use serde::Serialize;

use crate::diagnostic::Diagnostic;

/// Bits of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Class {
    /// 32 bits.
    #[serde(rename = "32")]
    Bits32,
    /// 64 bits.
    #[serde(rename = "64")]
    Bits64,
}

/// What kind of ELF file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A program, position-independent or not.
    Program,
    /// A shared library.
    Library,
    /// An object that is not linked yet, such as a kernel module.
    Object,
    /// Something else, such as a memory image.
    Other,
}

/// What an ELF file says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ElfFacts {
    /// Bits of an address.
    pub class: Class,
    /// The processor, as `uname -m` names it; `machine N` for others.
    pub machine: String,
    /// Its kind.
    pub kind: Kind,
    /// Whether it can be loaded at any address.
    pub position_independent: bool,
    /// The program that loads it, such as `/lib/ld-musl-x86_64.so.1`.
    pub interpreter: Option<String>,
    /// The name under which others ask for it, of a library.
    pub name: Option<String>,
    /// Shared libraries that it names, in order.
    pub needed: Vec<String>,
    /// Folders in which it looks for them first.
    pub run_paths: Vec<String>,
    /// Whether it has lost its symbol table.
    pub stripped: bool,
    /// Whether it carries debugging information.
    pub debug: bool,
}

impl ElfFacts {
    /// Whether it is a program that runs without any other file: no loader, no shared library. Position-independent
    /// ones (static-pie) count.
    pub fn is_static(&self) -> bool {
        self.kind == Kind::Program && self.interpreter.is_none() && self.needed.is_empty()
    }
}

/// Whether the bytes begin like an ELF file.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// Reads the facts of an ELF file; `name` is for the message only.
pub fn inspect(name: &str, bytes: &[u8]) -> Result<ElfFacts, Diagnostic> {
    if !is_elf(bytes) {
        return Err(not_elf(name, "it does not begin with `\\x7fELF`"));
    }
    let elf = Elf::parse(bytes).map_err(|error| not_elf(name, &error.to_string()))?;
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let mut run_paths: Vec<String> = owned(&elf.runpaths);
    run_paths.extend(elf.rpaths.iter().map(|text| (*text).to_owned()));
    Ok(ElfFacts {
        class: if elf.is_64 {
            Class::Bits64
        } else {
            Class::Bits32
        },
        machine: machine(elf.header.e_machine, elf.is_64),
        kind: kind(&elf),
        position_independent: elf.header.e_type == header::ET_DYN,
        interpreter: elf.interpreter.map(str::to_owned),
        name: elf.soname.map(str::to_owned),
        needed: owned(&elf.libraries),
        run_paths,
        stripped: !elf
            .section_headers
            .iter()
            .any(|section| section.sh_type == section_header::SHT_SYMTAB),
        debug: elf.section_headers.iter().any(|section| {
            elf.shdr_strtab
                .get_at(section.sh_name)
                .is_some_and(|name| name.starts_with(".debug_"))
        }),
    })
}

/// Refuses a program that needs a loader or shared libraries.
pub fn verify_static(name: &str, bytes: &[u8]) -> Result<ElfFacts, Diagnostic> {
    let facts = inspect(name, bytes)?;
    if facts.is_static() {
        return Ok(facts);
    }
    let mut diagnostic = Diagnostic::error(
        "zosc::elf::not-static",
        if facts.kind == Kind::Program {
            format!("`{name}` should be static, and needs other files to run")
        } else {
            format!("`{name}` should be a static program, and is no program")
        },
    );
    if let Some(interpreter) = &facts.interpreter {
        diagnostic = diagnostic.note(format!("its loader is `{interpreter}`"));
    }
    if !facts.needed.is_empty() {
        diagnostic = diagnostic.note(format!("it links to {}", facts.needed.join(", ")));
    }
    Err(diagnostic.help(
        "build it for a musl target (`x86_64-unknown-linux-musl`), or remove `verify static` and install the libraries",
    ))
}

/// Refuses a program or library for another processor than `machine`, named as by `uname -m`. Anything else passes.
pub fn verify_machine(name: &str, bytes: &[u8], machine: &str) -> Result<(), Diagnostic> {
    let facts = inspect(name, bytes)?;
    if !matches!(facts.kind, Kind::Program | Kind::Library) || facts.machine == machine {
        return Ok(());
    }
    Err(Diagnostic::error(
        "zosc::elf::wrong-machine",
        format!("`{name}` is for {}, and the image for {machine}", facts.machine),
    )
    .help(format!(
        "build or download it for {machine}; where it is meant to lie there, name what else is verified: `verify libraries`"
    )))
}

/// A shared object is a program if it says so (`DF_1_PIE`), has a loader, or has a start and no name of its own.
fn kind(elf: &Elf<'_>) -> Kind {
    let flags = elf
        .dynamic
        .as_ref()
        .map_or(0, |dynamic| dynamic.info.flags_1);
    let loaded = elf
        .program_headers
        .iter()
        .any(|header| header.p_type == PT_DYNAMIC);
    match elf.header.e_type {
        header::ET_EXEC => Kind::Program,
        header::ET_REL => Kind::Object,
        header::ET_DYN => {
            let pie = flags & dynamic::DF_1_PIE != 0 || elf.interpreter.is_some();
            // libc.so.6 and the loaders have a start, but also a name. Packed programs have no dynamic section.
            let started = elf.soname.is_none() && elf.header.e_entry != 0;
            if elf.soname.is_none() && pie || started && (elf.libraries.is_empty() || !loaded) {
                Kind::Program
            } else {
                Kind::Library
            }
        }
        _ => Kind::Other,
    }
}

fn machine(number: u16, wide: bool) -> String {
    match number {
        header::EM_X86_64 => "x86_64".to_owned(),
        header::EM_386 => "i686".to_owned(),
        header::EM_AARCH64 => "aarch64".to_owned(),
        header::EM_ARM => "arm".to_owned(),
        header::EM_RISCV if wide => "riscv64".to_owned(),
        header::EM_RISCV => "riscv32".to_owned(),
        header::EM_PPC64 => "ppc64le".to_owned(),
        header::EM_S390 => "s390x".to_owned(),
        other => format!("machine {other}"),
    }
}

fn not_elf(name: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "zosc::elf::not-elf",
        format!("`{name}` is no ELF program: {why}"),
    )
    .help("check that the path names the program itself, not an archive, a script or a text")
}

#[cfg(test)]
mod tests;
