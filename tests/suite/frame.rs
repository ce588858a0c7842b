//! What the examples of the book that are fragments are completed with.

/// Section by section: its name, and the line to take where an example has none of it.
pub(crate) const FRAME: [(&str, &str); 7] = [
    ("edition", "edition 1"),
    ("image", "image example version=\"1\""),
    (
        "alpine",
        "alpine \"3.22\" { mirror \"https://mirror.example/alpine\"; repository main; key \"keys/site.rsa.pub\"; }",
    ),
    ("toolchain", "toolchain rust { host; }"),
    (
        "kernel",
        "kernel { package linux-virt; cmdline \"console=ttyS0\"; }",
    ),
    ("zinit", "zinit dialect=toml"),
    (
        "outputs",
        "outputs { efi \"vmlinuz.efi\"; initramfs \"initramfs.cpio.xz\"; }",
    ),
];
