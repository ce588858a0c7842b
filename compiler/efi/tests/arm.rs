//! Kernels of 64-bit Arm, in each form that they come in.

use std::io::Write as _;

use super::*;

/// A kernel with a banner among its data, and other words like it before that.
fn arm_kernel(banner: &[u8]) -> Vec<u8> {
    let mut data = b"LLLinux version %s\n\0Linux version unknown\n\0".to_vec();
    data.extend(banner);
    let kernel = Made {
        machine: 0xaa64,
        sections: vec![(".text", vec![1; 600]), (".data", data)],
        ..kernel(600)
    };
    kernel.bytes()
}

const BANNER: &[u8] = b"Linux version 6.12.44-0-virt (a@b) (gcc 14) #1 SMP\n\0";

#[test]
fn the_release_stands_in_the_banner() {
    let facts = kernel_facts(&arm_kernel(BANNER)).expect("facts");
    assert_eq!(facts.machine, Machine::Aarch64);
    assert_eq!(facts.release.as_deref(), Some("6.12.44-0-virt"));
    assert!(facts.efi_stub && facts.takes_initrd);
    for silent in [
        &b""[..],
        b"Linux version 6.12\x01\n",
        b"Linux version six.twelve\n",
    ] {
        let facts = kernel_facts(&arm_kernel(silent)).expect("facts");
        assert_eq!(facts.release, None, "{}", String::from_utf8_lossy(silent));
    }
}

#[test]
fn a_packed_kernel_becomes_a_program() {
    let kernel = arm_kernel(BANNER);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&kernel).expect("into memory");
    let packed = gzip.finish().expect("into memory");
    assert!(is_packed(&packed) && kernel_facts(&packed).is_err());
    assert_eq!(unpacked_kernel(packed.clone()).expect("unpacks"), kernel);
    assert_eq!(unpacked_kernel(kernel.clone()).expect("stays"), kernel);
    let cut = packed[..packed.len() / 2].to_vec();
    assert_eq!(
        unpacked_kernel(cut).expect_err("refused").code,
        "zosc::efi::bad-kernel"
    );
}
