//! Manifests with what must be found in them: code and the text under the first label.

mod environment;
mod loading;
mod sections;
mod units;

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::archive::Compression;
use crate::io::Memory;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";

struct Outcome {
    image: Option<Image>,
    problems: Diagnostics,
    sources: SourceMap,
}

/// Checks `/site/zos.kdl` among some files and a few that are always there.
fn check_files(files: &[(&str, &str)], settings: &[&str]) -> Outcome {
    let always = [
        ("/site/keys/a.rsa.pub", PEM),
        ("/site/keys/ops.pub", "ssh-ed25519 AAAAC3Nz ops\n"),
        (
            "/site/keys/private",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        ),
        ("/site/agent/Makefile", "all:\n"),
        ("/site/boot/vmlinuz", "x"),
        ("/site/boot/lib/modules/6.1/modules.dep", "x"),
        ("/site/motd", "hello\n"),
        ("/site/base.config", BASE),
    ];
    let given = files
        .iter()
        .map(|(name, text)| (format!("/site/{name}"), *text));
    let always = always.map(|(name, text)| (name.to_owned(), text));
    let memory = Memory::new(always.into_iter().chain(given));
    let settings = Settings {
        current_directory: "/site".into(),
        overrides: settings.iter().map(|&setting| setting.into()).collect(),
        ..Settings::default()
    };
    check_with(&memory, &settings)
}

fn check_with(memory: &Memory, settings: &Settings) -> Outcome {
    let mut sources = SourceMap::new();
    let mut problems = Diagnostics::new();
    let image = check(
        Path::new("zos.kdl"),
        settings,
        memory,
        &mut sources,
        &mut problems,
    );
    Outcome {
        image,
        problems,
        sources,
    }
}

fn check_text(text: &str) -> Outcome {
    check_files(&[("zos.kdl", text)], &[])
}

impl Outcome {
    /// `code text` of every problem, codes without `zosc::check::`.
    fn found(&self) -> Vec<String> {
        let found = self.problems.iter().map(|problem| {
            let code = problem.code.trim_start_matches("zosc::check::");
            let label = problem.labels.first();
            let text = label.map_or("", |label| self.sources.slice(label.span));
            format!("{code} {text}").trim_end().to_owned()
        });
        found.collect()
    }

    fn image(self) -> Image {
        assert!(!self.problems.has_errors(), "{:?}", self.found());
        self.image.expect("no errors, so there is an image")
    }
}

/// A manifest that is sound, with further sections.
fn with(sections: &str) -> String {
    format!("image site version=\"1.0\"\n{sections}")
}

#[track_caller]
fn finds(sections: &str, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    let expected = expected.iter().filter(|line| !line.is_empty());
    let found = check_text(&with(sections)).found();
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        expected.copied().collect::<Vec<_>>(),
        "in {sections}"
    );
}

const BASE: &str = "# Automatically generated file; DO NOT EDIT.\n\
    CONFIG_LOCALVERSION=\"-base\"\nCONFIG_MODULES=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_XZ=y\nCONFIG_BINFMT_ELF=y\n\
    CONFIG_BINFMT_SCRIPT=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_TMPFS=y\nCONFIG_DEVTMPFS=y\nCONFIG_EFI=y\n\
    # CONFIG_EFI_STUB is not set\n";

const ALPINE: &str =
    "alpine \"3.22\" { mirror \"https://mirror\"; repository main; key \"keys/a.rsa.pub\" }\n";

const SECTIONS: &str = "image import alpine packages toolchain source kernel modules firmware zinit unit account group \
    branding file overlay flist size initramfs outputs publish boot";

const CHILDREN: &str = "mirror repository key install exclude scripts host alpine image rootfs git crate path release asset patch targets tags bin set build package \
    prebuilt tarball source-package config localversion embed microcode builtin-firmware toolchain cmdline stub sign stage1 stage2 for-modules keep exec shell test oneshot target requires after wants conflicts disabled passwordless \
    hostname os-release motd drop max efi initramfs disk expect epoch pack embed mount tag store strip upx sbom index key-id \
    secret";

const PROPERTIES: &str = "version to text from link mode compress dialect memory id script toolchain sha256 uid packages digest cert rev tag branch url rename target \
    write read endpoint bucket prefix kernels flists region except firmware";

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

fn quoted_word() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-c]",
        "[a-z./:{}#'|$ -]{0,8}",
        "/[a-c]{1,2}(/[a-c.]{1,3})?"
    ];
    word.prop_map(|word: String| format!("\"{word}\""))
}

/// Pieces of manifests, sound and unsound.
fn pieces() -> impl Strategy<Value = String> {
    let child = (one_of(CHILDREN), prop::collection::vec(quoted_word(), 0..3));
    let child = child.prop_map(|(name, arguments)| format!("    {name} {}\n", arguments.join(" ")));
    let property = (one_of(PROPERTIES), quoted_word());
    let property = property.prop_map(|(key, value)| format!(" {key}={value}"));
    let node = (
        one_of(SECTIONS),
        prop::option::of(quoted_word()),
        prop::option::of(property),
        prop::collection::vec(child, 0..5),
    );
    node.prop_map(|(name, argument, property, children)| {
        format!(
            "{name} {}{} {{\n{}}}\n",
            argument.unwrap_or_default(),
            property.unwrap_or_default(),
            children.concat()
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_makes_it_panic(pieces in prop::collection::vec(pieces(), 0..8), setting in "[a-z.]{0,12}=?[a-z]{0,3}") {
        let text = format!("image site\n{}", pieces.concat());
        let outcome = check_files(&[("zos.kdl", text.as_str())], &[setting.as_str()]);
        prop_assert_eq!(outcome.image.is_none(), outcome.problems.has_errors());
    }

    #[test]
    fn any_text_is_refused_or_understood(text in "\\PC{0,200}") {
        let outcome = check_text(&text);
        prop_assert_eq!(outcome.image.is_none(), outcome.problems.has_errors());
    }
}
