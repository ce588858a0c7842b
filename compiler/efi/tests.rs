mod arm;
mod made;
mod measuring;

use proptest::prelude::*;

use self::made::{Made, OPTIONAL, kernel, stub, with_x86_header};
use super::*;
use crate::diagnostic::Diagnostic;

/// Where a stub's headers say where its signatures are.
pub(super) const SECURITY: usize = OPTIONAL + 112 + 4 * 8;

/// A stub, for the tests of signatures.
pub(super) fn stub_bytes() -> Vec<u8> {
    stub().bytes()
}

/// As [`super::write_uki`], into memory.
fn write_uki(parts: &Uki<'_>) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    super::write_uki(parts, &mut bytes)?;
    Ok(bytes)
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
