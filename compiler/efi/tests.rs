use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::tree::Digest;

/// As [`super::write_uki`], into memory.
fn write_uki(parts: &Uki<'_>) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    super::write_uki(parts, &mut bytes)?;
    Ok(bytes)
}

/// As [`super::predict_pcr11`], of bytes in memory, which can always be read.
fn predict_pcr11(facts: &UkiFacts, bytes: &[u8]) -> Option<Digest> {
    super::predict_pcr11(facts, bytes).expect("reads")
}

/// As [`super::sign_program`], into memory.
fn sign_program(
    program: &[u8],
    certificate: &Certificate,
    signer: &mut Signer<'_>,
) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    super::sign_program(program, certificate, signer, &mut bytes)?;
    Ok(bytes)
}

/// A PE file to make.
#[derive(Clone)]
struct Made {
    machine: u16,
    image_base: u64,
    section_alignment: u32,
    file_alignment: u32,
    headers: usize,
    first_address: u32,
    major_image_version: u16,
    dll_characteristics: u16,
    subsystem: u16,
    certificates: u32,
    relocations: (u32, u32),
    sections: Vec<(&'static str, Vec<u8>)>,
    tail: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            machine: 0x8664,
            image_base: 0,
            section_alignment: 0x1000,
            file_alignment: 0x200,
            headers: 0x400,
            first_address: 0x1000,
            major_image_version: 1,
            dll_characteristics: 0,
            subsystem: 10,
            certificates: 0,
            relocations: (0, 0),
            sections: vec![(".text", vec![0xc3; 700]), (".data", vec![1; 16])],
            tail: Vec::new(),
        }
    }
}

const SIGNATURE: usize = 0x80;
const OPTIONAL: usize = SIGNATURE + 24;

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.headers];
        let mut put = |place: usize, value: &[u8]| {
            bytes[place..place + value.len()].copy_from_slice(value);
        };
        put(0, b"MZ");
        put(0x3c, &(SIGNATURE as u32).to_le_bytes());
        put(SIGNATURE, b"PE\0\0");
        put(SIGNATURE + 4, &self.machine.to_le_bytes());
        put(SIGNATURE + 6, &(self.sections.len() as u16).to_le_bytes());
        put(SIGNATURE + 8, &[7; 4]);
        put(SIGNATURE + 20, &240_u16.to_le_bytes());
        put(SIGNATURE + 22, &0x22e_u16.to_le_bytes());
        put(OPTIONAL, &0x20b_u16.to_le_bytes());
        put(OPTIONAL + 24, &self.image_base.to_le_bytes());
        put(OPTIONAL + 32, &self.section_alignment.to_le_bytes());
        put(OPTIONAL + 36, &self.file_alignment.to_le_bytes());
        put(OPTIONAL + 44, &self.major_image_version.to_le_bytes());
        put(OPTIONAL + 60, &(self.headers as u32).to_le_bytes());
        put(OPTIONAL + 64, &[9; 4]);
        put(OPTIONAL + 68, &self.subsystem.to_le_bytes());
        put(OPTIONAL + 70, &self.dll_characteristics.to_le_bytes());
        put(OPTIONAL + 108, &16_u32.to_le_bytes());
        put(OPTIONAL + 112 + 4 * 8 + 4, &self.certificates.to_le_bytes());
        put(OPTIONAL + 112 + 5 * 8, &self.relocations.0.to_le_bytes());
        put(
            OPTIONAL + 112 + 5 * 8 + 4,
            &self.relocations.1.to_le_bytes(),
        );
        let mut address = self.first_address;
        let mut offset = self.headers as u32;
        let mut table = OPTIONAL + 240;
        for (name, content) in &self.sections {
            let raw = content.len().next_multiple_of(self.file_alignment as usize) as u32;
            // The kernel's own sections are as large in memory as in the file.
            let size = if self.headers == 0x1000 {
                raw
            } else {
                content.len() as u32
            };
            put(table, name.as_bytes());
            for (field, value) in [size, address, raw, offset].into_iter().enumerate() {
                put(table + 8 + field * 4, &value.to_le_bytes());
            }
            put(table + 36, &0x4000_0040_u32.to_le_bytes());
            table += 40;
            offset += raw;
            address = (address + size).next_multiple_of(self.section_alignment);
        }
        for (_, content) in &self.sections {
            bytes.extend(content);
            bytes.resize(
                bytes.len().next_multiple_of(self.file_alignment as usize),
                0,
            );
        }
        bytes.extend(&self.tail);
        bytes
    }
}

/// A stub with the names of the sections that it looks for, as systemd's has.
fn stub() -> Made {
    let names = b".linux\0.osrel\0.cmdline\0.initrd\0.ucode\0.uname\0";
    Made {
        sections: vec![(".text", vec![0xc3; 700]), (".data", names.to_vec())],
        ..Made::default()
    }
}

/// A kernel with `size` bytes of text and an x86 header.
fn kernel(size: usize) -> Made {
    Made {
        headers: 0x1000,
        sections: vec![(".text", vec![0x90; size])],
        ..Made::default()
    }
}

fn with_x86_header(mut kernel: Vec<u8>) -> Vec<u8> {
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x300_u16.to_le_bytes());
    kernel[0x236..0x238].copy_from_slice(&0x7f_u16.to_le_bytes());
    kernel[0x500..0x51a].copy_from_slice(b"6.12.44-Zero-OS (zosc) #1\0");
    kernel
}

fn uki<'a>(stub: &'a [u8], kernel: &'a [u8], initrds: Vec<&'a [u8]>) -> Uki<'a> {
    Uki {
        stub,
        kernel,
        os_release: Some("ID=zero-os\n"),
        command_line: Some("console=ttyS0 quiet"),
        initrds: initrds.into_iter().map(Blob::Bytes).collect(),
        ..Uki::default()
    }
}

fn code(result: Result<Vec<u8>, Diagnostic>) -> &'static str {
    result.expect_err("refused").code
}

/// What every file must hold to: no overlap in memory or file, no gap in the file, everything inside the image.
fn assert_sound(bytes: &[u8]) {
    let pe = pe::Pe::read(bytes).expect("headers");
    let mut address = u64::from(pe.size_of_headers);
    let mut offset = pe.size_of_headers;
    assert!(pe.table + pe.sections.len() * 40 <= pe.size_of_headers as usize);
    for section in &pe.sections {
        assert!(
            u64::from(section.virtual_address) >= address,
            "{} overlaps",
            section.name()
        );
        assert_eq!(
            section.raw_offset,
            offset,
            "{} leaves a gap",
            section.name()
        );
        assert_eq!(section.raw_size % pe.file_alignment, 0);
        address = u64::from(section.virtual_address) + u64::from(section.virtual_size);
        offset += section.raw_size;
    }
    assert_eq!(
        offset as usize,
        bytes.len(),
        "bytes behind the last section"
    );
    let image = pe::u32_at(bytes, pe.optional + 56).expect("a size");
    assert_eq!(
        u64::from(image),
        address.next_multiple_of(u64::from(pe.section_alignment))
    );
    assert_eq!(pe::u32_at(bytes, pe.optional + 64), Some(0), "the checksum");
    assert_eq!(pe::u32_at(bytes, pe.coff + 4), Some(0), "the time");
    let goblin = goblin::pe::PE::parse(bytes).expect("goblin reads it");
    assert_eq!(goblin.sections.len(), pe.sections.len());
    object::File::parse(bytes).expect("object reads it");
}

#[test]
fn parts_come_back_in_ukify_s_order() {
    let stub = stub().bytes();
    let kernel = with_x86_header(kernel(5_000).bytes());
    let parts = Uki {
        microcode: Some(b"microcode"),
        ..uki(&stub, &kernel, vec![b"first", b"second12"])
    };
    let bytes = write_uki(&parts).expect("writes");
    assert_sound(&bytes);
    let facts = read_uki(&bytes).expect("reads");
    let names: Vec<_> = facts
        .sections
        .iter()
        .map(|section| section.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            ".text", ".data", ".osrel", ".cmdline", ".uname", ".initrd", ".ucode", ".linux"
        ]
    );
    let content = |name| facts.content(&bytes, name).expect("there");
    assert_eq!(content(".osrel"), b"ID=zero-os\n");
    assert_eq!(content(".cmdline"), b"console=ttyS0 quiet");
    assert_eq!(content(".uname"), b"6.12.44-Zero-OS");
    assert_eq!(content(".initrd"), b"first\0\0\0second12");
    assert_eq!(content(".linux"), kernel);
    assert_eq!(content(".text"), &[0xc3; 700][..]);
    assert!(facts.is_unified() && !facts.signed);
    assert_eq!(
        bytes,
        write_uki(&parts).expect("writes"),
        "the same parts, the same bytes"
    );
}

/// efi-mkuki#5, sbupdate#32: fixed addresses overlapped once the kernel grew beyond 16 MiB.
#[test]
fn sections_do_not_overlap_when_the_kernel_exceeds_16_mib() {
    let stub = stub().bytes();
    let kernel = kernel(17 << 20).bytes();
    let initrd = vec![1; 40 << 20];
    let bytes = write_uki(&uki(&stub, &kernel, vec![&initrd])).expect("writes");
    assert_sound(&bytes);
    let facts = read_uki(&bytes).expect("reads");
    assert_eq!(facts.content(&bytes, ".linux"), Some(&*kernel));
}

/// systemd#35851, reverted in #36259: a virtual size of the kernel's SizeOfImage broke extraction and signatures.
#[test]
fn the_virtual_size_of_linux_is_the_length_of_the_kernel() {
    let stub = stub().bytes();
    let kernel = kernel(5_001).bytes();
    let bytes = write_uki(&uki(&stub, &kernel, vec![])).expect("writes");
    let pe = pe::Pe::read(&bytes).expect("headers");
    let linux = pe
        .sections
        .iter()
        .find(|section| section.name() == ".linux")
        .expect("there");
    assert_eq!(linux.virtual_size as usize, kernel.len());
    let initrd =
        read_uki(&write_uki(&uki(&stub, &kernel, vec![b"1234"])).expect("writes")).expect("reads");
    assert_eq!(
        initrd
            .sections
            .iter()
            .find(|s| s.name == ".initrd")
            .map(|s| s.size),
        Some(4)
    );
}

/// systemd#40342, #40429: a kernel with an image base is no error, and addresses stay relative to the base.
#[test]
fn image_bases_of_kernel_and_stub_change_no_address() {
    let plain = stub().bytes();
    let based = Made {
        image_base: 0x1_4000_0000,
        ..stub()
    }
    .bytes();
    let kernel = Made {
        image_base: 0x100_0000,
        ..kernel(5_000)
    }
    .bytes();
    let addresses = |stub: &[u8]| {
        let bytes = write_uki(&uki(stub, &kernel, vec![b"init"])).expect("writes");
        let facts = read_uki(&bytes).expect("reads");
        facts
            .sections
            .iter()
            .map(|section| section.address)
            .collect::<Vec<_>>()
    };
    assert_eq!(addresses(&plain), addresses(&based));
    let base = pe::Pe::read(&write_uki(&uki(&based, &kernel, vec![])).expect("writes"))
        .expect("headers")
        .image_base;
    assert_eq!(base, 0x1_4000_0000);
}

/// systemd#28593: the section table ran over the first section's content.
#[test]
fn headers_grow_while_the_first_section_leaves_room() {
    let tight = Made {
        headers: 0x200,
        file_alignment: 0x200,
        ..stub()
    };
    let kernel = kernel(5_000).bytes();
    let bytes = write_uki(&uki(&tight.bytes(), &kernel, vec![b"init"])).expect("writes");
    assert_sound(&bytes);
    assert_eq!(
        pe::Pe::read(&bytes).expect("headers").size_of_headers,
        0x400
    );
    let facts = read_uki(&bytes).expect("reads");
    assert_eq!(facts.content(&bytes, ".text"), Some(&[0xc3; 700][..]));
    let none = Made {
        first_address: 0x200,
        section_alignment: 0x200,
        ..tight
    };
    assert_eq!(
        code(write_uki(&uki(&none.bytes(), &kernel, vec![b"init"]))),
        "zosc::efi::header-room"
    );
}

/// systemd#21956, nixpkgs#176584, fwupd-efi#26: gaps between sections, or bytes behind them, break firmware and signing.
#[test]
fn what_lies_between_and_behind_the_stub_s_sections_is_left_out() {
    let trailing = Made {
        tail: vec![5; 3_000],
        ..stub()
    }
    .bytes();
    let kernel = kernel(5_000).bytes();
    let bytes = write_uki(&uki(&trailing, &kernel, vec![b"init"])).expect("writes");
    assert_sound(&bytes);
    assert_eq!(
        bytes,
        write_uki(&uki(&stub().bytes(), &kernel, vec![b"init"])).expect("writes")
    );
}

/// systemd#38545, #38556: the mark for strict memory protection must not promise more than the kernel keeps.
#[test]
fn nx_compatibility_is_dropped_when_the_kernel_lacks_it() {
    let stub = Made {
        dll_characteristics: 0x160,
        ..stub()
    }
    .bytes();
    let characteristics = |kernel: &Made| {
        let kernel = kernel.bytes();
        let bytes = write_uki(&uki(&stub, &kernel, vec![])).expect("writes");
        pe::Pe::read(&bytes).expect("headers").dll_characteristics
    };
    assert_eq!(characteristics(&kernel(10)), 0x60);
    let careful = Made {
        dll_characteristics: 0x100,
        ..kernel(10)
    };
    assert_eq!(characteristics(&careful), 0x160);
}

/// systemd#42443: on Arm, Linux wants 64 KiB.
#[test]
fn sections_are_aligned_to_64_kib_on_arm_and_to_pages_elsewhere() {
    let aligned = |machine: u16, alignment: u32| {
        let stub = Made {
            machine,
            section_alignment: 0x200,
            first_address: 0x4000,
            ..stub()
        };
        let kernel = Made {
            machine,
            ..kernel(5_000)
        };
        let bytes = write_uki(&uki(&stub.bytes(), &kernel.bytes(), vec![b"init"])).expect("writes");
        assert_sound(&bytes);
        let facts = read_uki(&bytes).expect("reads");
        let mut added = facts.sections.iter().skip(2);
        assert!(added.all(|section| section.address % alignment == 0));
    };
    aligned(0xaa64, 64 << 10);
    aligned(0x8664, 4 << 10);
}

#[test]
fn sbat_tables_become_one_with_the_version_row_first() {
    let rows = b"sbat,1,SBAT Version,sbat,1,url\nsystemd,1,Devs,systemd,255,url\n\0\0".to_vec();
    let mut with_sbat = stub();
    with_sbat.sections.insert(1, (".sbat", rows));
    let mut kernel = kernel(100);
    kernel.sections.push((
        ".sbat",
        b"sbat,1,SBAT Version,sbat,1,url\nlinux,1,Devs,linux,6,url\n".to_vec(),
    ));
    let (stub, kernel) = (with_sbat.bytes(), kernel.bytes());
    let parts = Uki {
        sbat: Some("zos,1,Zero-OS,zos,1,url"),
        ..uki(&stub, &kernel, vec![])
    };
    let bytes = write_uki(&parts).expect("writes");
    assert_sound(&bytes);
    let facts = read_uki(&bytes).expect("reads");
    assert_eq!(
        facts
            .sections
            .iter()
            .filter(|section| section.name == ".sbat")
            .count(),
        1
    );
    assert_eq!(
        std::str::from_utf8(facts.content(&bytes, ".sbat").expect("there")),
        Ok(
            "sbat,1,SBAT Version,sbat,1,url\nsystemd,1,Devs,systemd,255,url\nlinux,1,Devs,linux,6,url\nzos,1,Zero-OS,zos,1,url\n"
        )
    );
}

#[test]
fn stubs_that_cannot_serve_are_refused() {
    let kernel = kernel(100).bytes();
    let refused = |stub: &Made| code(write_uki(&uki(&stub.bytes(), &kernel, vec![])));
    let signed = Made {
        certificates: 100,
        ..stub()
    };
    assert_eq!(refused(&signed), "zosc::efi::signed-stub");
    let arm = Made {
        machine: 0xaa64,
        ..stub()
    };
    assert_eq!(refused(&arm), "zosc::efi::wrong-machine");
    let driver = Made {
        subsystem: 11,
        ..stub()
    };
    assert_eq!(refused(&driver), "zosc::efi::bad-stub");
    let mut twice = stub();
    twice.sections.push((".linux", vec![1]));
    assert_eq!(refused(&twice), "zosc::efi::bad-stub");
    assert_eq!(
        code(write_uki(&uki(b"text", &kernel, vec![]))),
        "zosc::efi::bad-stub"
    );
}

#[test]
fn kernels_that_no_stub_can_start_are_refused() {
    let stub = stub().bytes();
    let refused = |kernel: &[u8]| code(write_uki(&uki(&stub, kernel, vec![])));
    let mut old_bios = vec![0; 0x1000];
    old_bios[0x202..0x206].copy_from_slice(b"HdrS");
    assert_eq!(refused(&old_bios), "zosc::efi::no-efi-stub");
    let old = Made {
        major_image_version: 0,
        ..kernel(100)
    };
    assert_eq!(refused(&old.bytes()), "zosc::efi::old-kernel");
    let mut swollen = kernel(100).bytes();
    swollen[OPTIONAL + 240 + 8..OPTIONAL + 240 + 12].copy_from_slice(&3_u32.to_le_bytes());
    assert_eq!(refused(&swollen), "zosc::efi::bad-kernel");
    assert_eq!(refused(b"\x7fELF"), "zosc::efi::bad-kernel");
    let mut moved = kernel(100);
    moved.relocations = (0x2000, 12);
    moved
        .sections
        .push((".reloc", vec![0, 0x10, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0]));
    assert!(
        write_uki(&uki(&stub, &moved.bytes(), vec![])).is_ok(),
        "padding is no relocation"
    );
    moved.sections[1].1[9] = 0xa0;
    assert_eq!(refused(&moved.bytes()), "zosc::efi::bad-kernel");
}

#[test]
fn a_command_line_is_one_line() {
    let (stub, kernel) = (stub().bytes(), kernel(100).bytes());
    let parts = Uki {
        command_line: Some("a\nb"),
        ..uki(&stub, &kernel, vec![])
    };
    assert_eq!(code(write_uki(&parts)), "zosc::efi::bad-command-line");
}

#[test]
fn a_kernel_tells_its_version_and_flags() {
    let facts = kernel_facts(&with_x86_header(kernel(5_000).bytes())).expect("facts");
    assert_eq!(facts.version.as_deref(), Some("6.12.44-Zero-OS (zosc) #1"));
    assert_eq!(facts.release.as_deref(), Some("6.12.44-Zero-OS"));
    assert!(facts.efi_stub && facts.takes_initrd && facts.handover());
    assert!(!facts.nx_compatible);
    assert_eq!(facts.machine, Machine::X86_64);
}

/// systemd's own calculator must agree. The one of Debian 12 knows only the older sections.
#[test]
fn pcr_11_is_what_systemd_measure_says() {
    let (stub, kernel) = (stub().bytes(), kernel(5_000).bytes());
    let bytes = write_uki(&uki(&stub, &kernel, vec![b"1234"])).expect("writes");
    let mut facts = read_uki(&bytes).expect("reads");
    let older = [".linux", ".osrel", ".cmdline", ".initrd"];
    facts.sections.retain(|section| {
        // What the stub knows stands in its data.
        section.name == ".data" || older.contains(&&*section.name)
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("/usr/lib/systemd/systemd-measure");
    command.args(["calculate", "--bank=sha256", "--phase=:"]);
    for section in &facts.sections {
        let name = section.name.trim_start_matches('.');
        if name == "data" {
            continue;
        }
        let file = folder.path().join(name);
        std::fs::write(&file, facts.content(&bytes, &section.name).expect("there"))
            .expect("written");
        command.arg(format!("--{name}={}", file.display()));
    }
    let Ok(output) = command.output() else {
        eprintln!("skipped: systemd-measure is not installed");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let register = predict_pcr11(&facts, &bytes).expect("a stub");
    let expected = format!("11:sha256={register}");
    assert!(text.contains(&expected), "{expected} is not in {text}");
}

#[test]
fn microcode_goes_where_the_stub_or_the_kernel_looks_for_it() {
    let kernel = kernel(5_000).bytes();
    let mut older = stub();
    older.sections[1].1 = b".linux\0.initrd\0".to_vec();
    let older = older.bytes();
    let parts = Uki {
        microcode: Some(b"microcode"),
        ..uki(&older, &kernel, vec![b"initramfs"])
    };
    let bytes = write_uki(&parts).expect("writes");
    let facts = read_uki(&bytes).expect("reads");
    assert_eq!(facts.content(&bytes, ".ucode"), None);
    let initrd = facts.content(&bytes, ".initrd").expect("there");
    assert_eq!(initrd, b"microcode\0\0\0initramfs\0\0\0");
}

#[test]
fn what_a_stub_does_not_know_it_does_not_measure() {
    let kernel = kernel(5_000).bytes();
    let register = |names: &[u8], sbat| {
        let mut made = stub();
        made.sections[1].1 = names.to_vec();
        let stub = made.bytes();
        let parts = Uki {
            sbat,
            ..uki(&stub, &kernel, vec![b"1234"])
        };
        let bytes = write_uki(&parts).expect("writes");
        predict_pcr11(&read_uki(&bytes).expect("reads"), &bytes)
    };
    let older = b".linux\0.cmdline\0.initrd\0.osrel\0";
    let rows = Some("zos,1,Zero-OS,zos,1,url");
    assert_eq!(register(b"nothing", None), None);
    assert_eq!(register(older, None), register(older, rows));
    let newer = [&older[..], b".sbat\0"].concat();
    assert_eq!(register(older, None), register(&newer, None));
    assert_ne!(register(&newer, None), register(&newer, rows));
}

#[test]
fn a_signed_image_measures_as_an_unsigned_one() {
    let certificate = include_bytes!("../../tests/fixtures/secure-boot/db.crt");
    let key = include_bytes!("../../tests/fixtures/secure-boot/db.key");
    let certificate = Certificate::parse(certificate).expect("a certificate");
    let key = PrivateKey::parse(key).expect("a key");
    let (stub, kernel) = (stub().bytes(), kernel(5_000).bytes());
    let image = write_uki(&uki(&stub, &kernel, vec![b"1234"])).expect("writes");
    let signed = sign_program(&image, &certificate, &mut |m| Ok(key.sign(m))).expect("signs");
    let register = |bytes: &[u8]| predict_pcr11(&read_uki(bytes).expect("reads"), bytes);
    assert!(register(&image).is_some());
    assert_eq!(register(&image), register(&signed));
    assert!(signatures(&signed)[0].valid && signatures(&image).is_empty());
}

#[test]
fn the_real_stub_takes_every_section() {
    let Ok(stub) = std::fs::read("/usr/lib/systemd/boot/efi/linuxx64.efi.stub") else {
        eprintln!("skipped: systemd-boot-efi is not installed");
        return;
    };
    let kernel = with_x86_header(kernel(5_000).bytes());
    let parts = Uki {
        microcode: Some(b"microcode"),
        sbat: Some("zos,1,Zero-OS,zos,1,url"),
        ..uki(&stub, &kernel, vec![b"init"])
    };
    let bytes = write_uki(&parts).expect("writes");
    assert_sound(&bytes);
    let facts = read_uki(&bytes).expect("reads");
    let rows = String::from_utf8_lossy(facts.content(&bytes, ".sbat").expect("there")).into_owned();
    assert!(
        rows.starts_with("sbat,1,")
            && rows.contains("\nsystemd,")
            && rows.ends_with("\nzos,1,Zero-OS,zos,1,url\n")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damaged_files_are_refused_or_read_but_never_a_panic(
        changes in proptest::collection::vec((0_usize..1_200, any::<u8>()), 1..6),
        cut in 0_usize..6_000,
    ) {
        let (good_stub, good_kernel) = (stub().bytes(), with_x86_header(kernel(1_000).bytes()));
        let damaged = |good: &[u8]| {
            let mut bytes = good.to_vec();
            for (at, value) in &changes {
                let length = bytes.len();
                bytes[at % length] = *value;
            }
            bytes.truncate(bytes.len() - cut % bytes.len().max(1) / 4);
            bytes
        };
        let (bad_stub, bad_kernel) = (damaged(&good_stub), damaged(&good_kernel));
        let _ = kernel_facts(&bad_kernel);
        for (stub, kernel) in [(&bad_stub, &good_kernel), (&good_stub, &bad_kernel), (&bad_stub, &bad_kernel)] {
            if let Ok(bytes) = write_uki(&uki(stub, kernel, vec![b"init"])) {
                let facts = read_uki(&bytes).expect("what is written can be read");
                prop_assert_eq!(facts.content(&bytes, ".linux"), Some(&**kernel));
            }
        }
        let _ = read_uki(&bad_kernel);
    }

    #[test]
    fn any_sizes_make_a_sound_file(
        kernel_size in 1_usize..20_000,
        sizes in proptest::collection::vec(1_usize..9_000, 0..4),
        file_alignment in prop_oneof![Just(0x200_u32), Just(0x400)],
    ) {
        let stub = Made { file_alignment, ..stub() }.bytes();
        let kernel = kernel(kernel_size).bytes();
        let initrds: Vec<Vec<u8>> = sizes.iter().map(|size| vec![7; *size]).collect();
        let parts = uki(&stub, &kernel, initrds.iter().map(Vec::as_slice).collect());
        assert_sound(&write_uki(&parts).expect("writes"));
    }
}
