use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;

use super::*;
use crate::elf::inspect;

/// Runs a program of this machine; `None` where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).output().ok()
}

/// A folder in which texts are compiled with the machine's C compiler.
struct Workshop(tempfile::TempDir);

impl Workshop {
    /// `None`, said aloud, where the compiler or binutils are missing.
    fn open(compiler: &str) -> Option<Self> {
        for program in [compiler, "strip"] {
            if run(program, &["--version"]).is_none() {
                println!("skipped: there is no `{program}`");
                return None;
            }
        }
        Some(Self(tempfile::tempdir().expect("a folder")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn compile(&self, compiler: &str, name: &str, text: &str, flags: &[&str]) -> PathBuf {
        let (source, made) = (self.path(&format!("{name}.src")), self.path(name));
        std::fs::write(&source, text).expect("written");
        let language = if compiler == "g++" { "c++" } else { "c" };
        let output = Command::new(compiler)
            .current_dir(self.0.path())
            .args(["-g", "-O1", "-x", language])
            .arg(&source)
            .args(["-x", "none", "-o"])
            .arg(&made)
            .args(flags)
            .output()
            .expect("runs");
        assert!(output.status.success(), "{output:?}");
        made
    }

    /// What binutils makes of a file.
    fn by_binutils(&self, file: &Path, flag: &str) -> Vec<u8> {
        let out = self.path("by-binutils");
        let output = Command::new("strip")
            .args([flag, "-o"])
            .arg(&out)
            .arg(file)
            .output()
            .expect("runs");
        assert!(output.status.success(), "{output:?}");
        std::fs::read(out).expect("written")
    }
}

fn smaller(stripped: Stripped) -> Vec<u8> {
    match stripped {
        Stripped::Smaller(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// What must be equal before and after: everything that a loader reads.
fn loaded(bytes: &[u8]) -> String {
    let elf = goblin::elf::Elf::parse(bytes).expect("an ELF file");
    let sections: Vec<(String, u64, u64)> = elf
        .section_headers
        .iter()
        .filter(|section| section.is_alloc())
        .map(|section| {
            let name = elf.shdr_strtab.get_at(section.sh_name);
            (
                name.expect("a name").to_owned(),
                section.sh_addr,
                section.sh_size,
            )
        })
        .collect();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{sections:?}",
        elf.entry,
        elf.interpreter,
        elf.program_headers,
        elf.dynamic.as_ref().map(|dynamic| &dynamic.dyns),
        elf.dynsyms.iter().collect::<Vec<_>>(),
        elf.libraries,
        elf.dynrelas
            .iter()
            .chain(&elf.pltrelocs)
            .collect::<Vec<_>>(),
    )
}

/// Strips a program as we do and as binutils does: ours is no larger, and loads the same.
fn compare_program(workshop: &Workshop, file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).expect("a program");
    let ours = smaller(strip_program(&bytes));
    let theirs = workshop.by_binutils(file, "--strip-all");
    assert!(
        ours.len() <= theirs.len(),
        "{file:?}: {} > {}",
        ours.len(),
        theirs.len()
    );
    assert_eq!(loaded(&bytes), loaded(&ours), "{file:?}");
    assert!(inspect("x", &ours).expect("an ELF file").stripped);
    assert_eq!(strip_program(&ours), Stripped::Already);
    let readelf = Command::new("readelf");
    let said = { readelf }
        .arg("-W")
        .arg("-a")
        .arg(file)
        .output()
        .expect("runs");
    assert!(
        said.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    ours
}

fn replace(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::remove_file(file).expect("removed");
    std::fs::write(file, bytes).expect("written");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(file, mode).expect("changed");
}

/// What a program prints and how it ends.
fn answer(file: &Path) -> (String, Option<i32>) {
    let output = Command::new(file).arg("one").output().expect("runs");
    (
        String::from_utf8(output.stdout).expect("text"),
        output.status.code(),
    )
}

const THREADS: &str = r#"
#include <stdio.h>
#include <pthread.h>
#include <dlfcn.h>
extern int twice(int);
__thread int here = 7;
static void *work(void *told) { here += *(int *)told; return (void *)(long)here; }
int main(int count, char **words) {
    int told = 4; pthread_t thread; void *back;
    pthread_create(&thread, 0, work, &told);
    pthread_join(thread, &back);
    printf("%s %d %ld %d %s\n", words[1], twice(21), (long)back, here, dlsym(RTLD_DEFAULT, "puts") ? "puts" : "nothing");
    return count;
}
"#;

#[test]
fn a_program_with_libraries_and_threads_says_the_same() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let text = "__thread int shared = 2; int twice(int n) { return shared * n; }";
    let library = workshop.compile("cc", "libtwice.so", text, &["-shared", "-fPIC"]);
    let flags = [
        "-L.",
        "-ltwice",
        "-lpthread",
        "-ldl",
        "-Wl,-rpath,$ORIGIN",
        "-Wl,-z,relro,-z,now",
    ];
    let program = workshop.compile("cc", "threads", THREADS, &flags);
    let before = answer(&program);
    assert_eq!(before.0, "one 42 11 7 puts\n");
    for file in [&library, &program] {
        let ours = compare_program(&workshop, file);
        replace(file, &ours);
    }
    assert_eq!(answer(&program), before);
}

#[test]
fn static_programs_of_every_kind_say_the_same() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let text = "#include <stdio.h>\n__thread int n = 3; int main(int c, char **w) { printf(\"%s %d\\n\", w[1], n); return c; }";
    for flags in [
        &["-static"][..],
        &["-static-pie"],
        &["-no-pie"],
        &["-Wl,-z,noseparate-code"],
        &["-Wl,-z,max-page-size=0x200000"],
        &["-Wl,--build-id=sha1"],
    ] {
        let program = workshop.compile("cc", "program", text, flags);
        let before = answer(&program);
        let ours = compare_program(&workshop, &program);
        replace(&program, &ours);
        assert_eq!(answer(&program), before, "{flags:?}");
    }
}

#[test]
fn dynamic_symbols_keep_their_sections_where_sections_between_them_go() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let text = "#include <stdio.h>\nint main(int c, char **w) { puts(w[1]); return c; }";
    let flags = ["-rdynamic", "-Wl,--emit-relocs"];
    let program = workshop.compile("cc", "program", text, &flags);
    let (bytes, before) = (std::fs::read(&program).expect("made"), answer(&program));
    let ours = smaller(strip_program(&bytes));
    assert_eq!(loaded(&bytes), loaded(&ours));
    let section_of = |bytes: &[u8], name: &str| {
        let elf = goblin::elf::Elf::parse(bytes).expect("an ELF file");
        let mut symbols = elf.dynsyms.iter();
        let symbol = symbols.find(|symbol| elf.dynstrtab.get_at(symbol.st_name) == Some(name));
        let section = &elf.section_headers[symbol.expect("exported").st_shndx];
        elf.shdr_strtab.get_at(section.sh_name).map(str::to_owned)
    };
    assert_eq!(section_of(&ours, "main").as_deref(), Some(".text"));
    replace(&program, &ours);
    assert_eq!(answer(&program), before);
}

#[test]
fn exceptions_find_their_way_without_symbols() {
    let Some(workshop) = Workshop::open("g++") else {
        return;
    };
    let text = "#include <iostream>\n#include <stdexcept>\nstruct loud { ~loud() { std::cout << \"gone\\n\"; } };\nint main(int c, char **w) { try { loud l; throw std::runtime_error(w[1]); } catch (const std::exception &e) { std::cout << e.what() << std::endl; } return c; }";
    for flags in [&[][..], &["-static"]] {
        let program = workshop.compile("g++", "throws", text, flags);
        let before = answer(&program);
        assert_eq!(before.0, "gone\none\n");
        let ours = compare_program(&workshop, &program);
        replace(&program, &ours);
        assert_eq!(answer(&program), before);
    }
}

#[test]
fn programs_of_this_machine_are_no_larger_than_by_binutils() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let this = std::env::current_exe().expect("the test itself");
    let text = std::fs::read(&this).expect("a Rust program");
    let ours = compare_program(&workshop, &this);
    assert!(ours.len() < text.len() / 2);
    let copy = workshop.path("tests");
    std::fs::write(&copy, []).expect("written");
    replace(&copy, &ours);
    let output = Command::new(&copy)
        .args(["--list", "elf::strip"])
        .output()
        .expect("runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("exceptions_find_their_way"));
}

#[test]
fn what_carries_a_payload_is_left_alone() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let program = workshop.compile("cc", "program", "int main(void) { return 0; }", &[]);
    let mut bytes = std::fs::read(program).expect("made");
    bytes.extend(b"payload");
    assert!(
        matches!(strip_program(&bytes), Stripped::Left(why) if why.contains("behind its sections"))
    );
}

#[test]
fn tables_that_are_called_like_debugging_information_stay() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let text = "int main(void) { return 0; }";
    let program = workshop.compile("cc", "program", text, &[]);
    let module = workshop.compile("cc", "hello.ko", MODULE, &["-c"]);
    let ways: [fn(&[u8]) -> Stripped; 2] = [strip_program, strip_module];
    for (file, strip) in [program, module].iter().zip(ways) {
        let bytes = std::fs::read(file).expect("made");
        let names = [".shstrtab", ".symtab", ".strtab"].map(|name| format!("\0{name}\0"));
        for name in names {
            let mut bytes = bytes.clone();
            let at = bytes
                .windows(name.len())
                .position(|it| it == name.as_bytes());
            bytes[at.expect("named") + 1..][..5].copy_from_slice(b".line");
            let once = smaller(strip(&bytes));
            assert!(!matches!(strip(&once), Stripped::Left(_)), "{name}");
            inspect(&name, &once).expect("is read");
        }
    }
}

#[test]
fn a_library_whose_hash_table_reaches_behind_what_is_loaded_is_left_alone() {
    let bytes = include_bytes!("../../../tests/fuzz/corpus/strip/hash-table-behind-what-is-loaded");
    inspect("library", bytes).expect("is read");
    assert!(matches!(strip_program(bytes), Stripped::Left(why) if why.contains("behind")));
}

#[test]
fn what_is_no_program_is_left_alone() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let object = workshop.compile("cc", "object.o", "int n;", &["-c"]);
    let bytes = std::fs::read(object).expect("made");
    assert!(matches!(strip_program(&bytes), Stripped::Left(_)));
    assert!(matches!(
        strip_program(b"#!/bin/sh\n"),
        Stripped::Left("is no ELF file")
    ));
    assert!(matches!(strip_program(b""), Stripped::Left(_)));
}

/// A module of the kernel's own form, with debugging information, as the C compiler makes it.
const MODULE: &str = r#"
#define SECTION(name) __attribute__((used, section(name), aligned(1)))
static const char license[] SECTION(".modinfo") = "license=GPL";
static const char depends[] SECTION(".modinfo") = "depends=mii";
static const char alias[] SECTION(".modinfo") = "alias=pci:v00008086d*";
struct module { char name[56]; int (*init)(void); } ;
extern int printk(const char *, ...);
static int helper(int n) { return printk("hello %d\n", n); }
int exported(int n) { return helper(n) + 1; }
int init_module(void) { return exported(3); }
struct module __this_module __attribute__((section(".gnu.linkonce.this_module"))) = { "hello", init_module };
SECTION("__versions") const unsigned long versions[8] = { 1 };
extern const char __kstrtab_exported[];
SECTION("__ksymtab") void *__ksymtab_exported[2] = { exported };
"#;

/// Names of symbols and of sections, and every relocation by the names it connects.
fn linked(bytes: &[u8]) -> Vec<String> {
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
    let file = object::File::parse(bytes).expect("an object");
    let mut facts = Vec::new();
    let of = |symbol: object::Symbol<'_, '_>| {
        let name = symbol.name().expect("a name").to_owned();
        let section = symbol
            .section_index()
            .and_then(|index| file.section_by_index(index).ok());
        let section = section.map(|section| section.name().expect("a name").to_owned());
        format!("{name}@{section:?}+{}", symbol.address())
    };
    for section in file.sections() {
        let name = section.name().expect("a name").to_owned();
        let later = name.starts_with(".debug")
            || name == ".comment"
            || name.contains("tab") && !name.starts_with("__")
            || name.starts_with(".rel");
        if later {
            continue;
        }
        facts.push(format!(
            "section {name} {:?} {:?}",
            section.align(),
            section.data().expect("content")
        ));
        for (at, relocation) in section.relocations() {
            let object::RelocationTarget::Symbol(symbol) = relocation.target() else {
                panic!("to a symbol")
            };
            let symbol = file.symbol_by_index(symbol).expect("a symbol");
            facts.push(format!(
                "{name}+{at} -> {} {:?} {}",
                of(symbol),
                relocation.flags(),
                relocation.addend()
            ));
        }
    }
    let named = file.symbols().filter(|symbol| {
        !symbol.name().unwrap_or("").is_empty() && symbol.kind() != object::SymbolKind::File
    });
    facts.extend(named.map(of));
    facts
}

#[test]
fn a_module_keeps_all_that_the_kernel_reads() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let module = workshop.compile("cc", "hello.ko", MODULE, &["-c", "-ffunction-sections"]);
    let bytes = std::fs::read(&module).expect("made");
    let ours = smaller(strip_module(&bytes));
    let theirs = workshop.by_binutils(&module, "--strip-debug");
    assert!(
        ours.len() <= theirs.len(),
        "{} > {}",
        ours.len(),
        theirs.len()
    );
    assert_eq!(linked(&bytes), linked(&ours));
    assert_eq!(strip_module(&ours), Stripped::Already);
    let facts = |bytes| inspect("x", bytes).expect("an object");
    assert!(facts(&bytes).debug && !facts(&ours).debug);
    if run("modinfo", &["--version"]).is_none() {
        println!("skipped: there is no `modinfo`");
        return;
    }
    let told = |bytes: &[u8]| {
        std::fs::write(&module, bytes).expect("written");
        let output = Command::new("modinfo").arg(&module).output().expect("runs");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    assert_eq!(told(&bytes), told(&ours));
}

#[test]
fn a_signed_module_is_left_alone() {
    let Some(workshop) = Workshop::open("cc") else {
        return;
    };
    let module = workshop.compile("cc", "hello.ko", MODULE, &["-c"]);
    let mut bytes = std::fs::read(module).expect("made");
    bytes.extend(b"signature~Module signature appended~\n");
    assert!(matches!(strip_module(&bytes), Stripped::Left(why) if why.contains("signature")));
}

/// Real inputs, made once, that the next tests damage.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![b"\x7fELF\x02\x01\x01".to_vec()];
    if let Some(workshop) = Workshop::open("cc") {
        let text = "int n = 1; int main(void) { return n; }";
        let module = workshop.compile("cc", "hello.ko", MODULE, &["-c"]);
        let program = workshop.compile("cc", "program", text, &[]);
        samples.extend([module, program].map(|file| std::fs::read(file).expect("made")));
    }
    samples
}

#[test]
fn damaged_files_are_left_alone_or_stripped_and_never_more() {
    for sample in samples() {
        for end in (0..sample.len()).step_by(97) {
            let _ = (strip_program(&sample[..end]), strip_module(&sample[..end]));
        }
        // Every byte of the header, and every byte of the table of sections, to its extremes.
        let table = sample.len().saturating_sub(40 * 64);
        for at in (0..64.min(sample.len())).chain(table..sample.len()) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = sample.clone();
                damaged[at] = value;
                let _ = (strip_program(&damaged), strip_module(&damaged));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..2048), class in 0_u8..4, order in 0_u8..4) {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', class, order];
        bytes.extend(tail);
        let _ = (strip_program(&bytes), strip_module(&bytes));
    }

    #[test]
    fn names_come_back_from_a_packed_table(words in prop::collection::vec("[ab]{0,6}", 0..40)) {
        let mut table = vec![0];
        let mut places = Vec::new();
        for word in &words {
            places.push((table.len() as u32, word.clone()));
            // The end of a word is a word too.
            places.push(((table.len() + word.len() / 2) as u32, word[word.len() / 2..].to_owned()));
            table.extend(word.bytes());
            table.push(0);
        }
        let mut names = names::Names::new(&table);
        for (at, _) in &places {
            names.want(*at).expect("inside");
        }
        prop_assert!(names.want(table.len() as u32).is_err());
        let packed = names.pack();
        prop_assert!(packed.bytes.len() <= table.len());
        for (at, word) in places {
            let start = packed.place(at) as usize;
            let end = start + word.len();
            prop_assert_eq!(&packed.bytes[start..end], word.as_bytes());
            prop_assert_eq!(packed.bytes[end], 0);
        }
    }
}

/// A program with so many sections that nobody knows, which share the same bytes, and a symbol table.
fn with_shared_sections(kind: u16, count: usize, length: usize) -> Vec<u8> {
    let segments = u16::from(kind != 1);
    let names_at = 64 + 56 * usize::from(segments);
    let content_at = names_at + 8;
    let table_at = content_at + length;
    let section = |kind: u32, at: usize, size: usize, link: u32| {
        let mut header = [0_u32, kind].map(u32::to_le_bytes).concat();
        for value in [0, 0, at as u64, size as u64] {
            header.extend(value.to_le_bytes());
        }
        header.extend([link, 0].map(u32::to_le_bytes).concat());
        header.extend([1_u64, 0].map(u64::to_le_bytes).concat());
        header
    };
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend([kind, 62].map(u16::to_le_bytes).concat());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(
        [0, 64 * u64::from(segments), table_at as u64]
            .map(u64::to_le_bytes)
            .concat(),
    );
    bytes.extend(0_u32.to_le_bytes());
    let counts = [64, 56, segments, 64, count as u16 + 3, 1];
    bytes.extend(counts.map(u16::to_le_bytes).concat());
    if segments > 0 {
        bytes.extend([1_u32, 5].map(u32::to_le_bytes).concat());
        bytes.extend([0_u64, 0, 0, 64, 64, 1].map(u64::to_le_bytes).concat());
    }
    bytes.extend(b"\0.shared");
    bytes.extend(vec![1; length]);
    bytes.extend(section(0, 0, 0, 0));
    bytes.extend(section(3, names_at, 8, 0));
    // The first symbol of a table is empty.
    bytes.extend(section(2, names_at, 0, 1));
    for _ in 0..count {
        bytes.extend(section(1, content_at, length, 0));
    }
    bytes
}

#[test]
fn sections_that_share_their_bytes_do_not_grow() {
    let program = with_shared_sections(2, 60_000, 1 << 20);
    assert_eq!(strip_program(&program), Stripped::Already);
    // With nothing shared, the same file loses its symbols.
    assert!(matches!(
        strip_program(&with_shared_sections(2, 1, 64)),
        Stripped::Smaller(_)
    ));
    let mut module = with_shared_sections(1, 60_000, 1 << 20);
    assert_eq!(strip_module(&module), Stripped::Already);
    // Something that goes makes it a module that is written anew.
    let comment = module.len() - 64;
    module[comment..comment + 4].copy_from_slice(&0_u32.to_le_bytes());
    assert_eq!(strip_module(&module), Stripped::Already);
}
