//! A checked manifest as facts.
//!
//! Nothing here knows what an image can ask for: the serialised [`Image`] is walked, so that what the language gains is compared from its
//! first day on. The table only gives sections their names, and says which lists mean their order.

mod walk;

use serde_json::Value;

use crate::check::Image;

use super::facts::{Facts, Section};
use super::here::Here;
use walk::Walk;

/// How a member of an image becomes things.
#[derive(Clone, Copy)]
enum Form {
    /// Facts of the one thing that the section is about; lists in it are things by themselves.
    Of(&'static str),
    /// A list or map of things, whose names begin with this word.
    Each(&'static str),
    /// The same, where the order counts.
    Ordered(&'static str),
}

use Form::{Each, Of, Ordered};

/// Members of an image, with their section in the order of the reference.
const SECTIONS: &[(&str, &str, Form)] = &[
    ("name", "image", Of("image")),
    ("version", "image", Of("image")),
    ("title", "image", Of("image")),
    ("arch", "image", Of("image")),
    ("epoch", "image", Of("image")),
    ("alpine", "alpine", Of("alpine")),
    ("packages", "packages", Of("packages")),
    ("toolchains", "toolchain", Each("toolchain")),
    ("sources", "source", Each("source")),
    ("kernel", "kernel", Of("kernel")),
    ("stage1", "modules", Ordered("stage1")),
    ("stage2", "modules", Ordered("stage2")),
    ("firmware", "firmware", Of("firmware")),
    ("dialect", "zinit", Of("zinit")),
    ("units", "unit", Each("unit")),
    ("accounts", "account", Ordered("account")),
    ("groups", "group", Ordered("group")),
    ("hostname", "branding", Of("branding")),
    ("os-release", "branding", Of("branding")),
    ("build-id", "branding", Of("branding")),
    ("files", "file", Each("file")),
    ("overlays", "overlay", Ordered("overlay")),
    ("flists", "flist", Each("flist")),
    ("strip", "size", Of("size")),
    ("upx", "size", Each("upx")),
    ("drop", "size", Each("drop")),
    ("max-initramfs", "size", Of("size")),
    ("max-efi", "size", Of("size")),
    ("compression", "initramfs", Of("initramfs")),
    ("segments", "initramfs", Of("initramfs")),
    ("outputs", "outputs", Each("")),
    ("publish", "publish", Each("publish")),
    ("boot", "boot", Of("boot")),
];

/// A checked manifest as plain data.
pub(super) fn value(image: &Image) -> Value {
    serde_json::to_value(image).expect("an image holds nothing JSON cannot say")
}

/// The facts of a serialised image.
pub(super) fn facts(value: Value, here: &Here) -> Facts {
    let mut facts = Facts::default();
    let Value::Object(members) = value else {
        return facts;
    };
    for (member, value) in members {
        let known = SECTIONS.iter().position(|(name, ..)| *name == member);
        let (name, form) = match known.and_then(|index| SECTIONS.get(index)) {
            Some((_, section, form)) => (*section, *form),
            None => (member.as_str(), Of("")),
        };
        let mut walk = Walk {
            section: section(&mut facts, name),
            here,
        };
        walk.member(&member, form, value);
    }
    facts
}

/// A section of the language among facts.
pub(super) fn section<'a>(facts: &'a mut Facts, name: &str) -> &'a mut Section {
    let first = SECTIONS.iter().position(|(_, known, _)| *known == name);
    facts.section(first.unwrap_or(SECTIONS.len()), name)
}
