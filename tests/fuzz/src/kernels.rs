//! Promises of `kmod` and `kconfig` about kernels from elsewhere.

use std::collections::BTreeMap;

use zosc::kconfig::{self, Config, Expression, Language};
use zosc::kmod::{Kernel, ModuleFacts, Packing, alias_matches, depmod, normal_alias};
use zosc::tree::{Entry, ImagePath, Origin, Store, Tree};

use super::{archives, can_be_shown};

/// Reads a module, packed or not: facts, or a refusal. What a signature is behind is a beginning of the module.
pub fn module(bytes: &[u8]) {
    if let Err(problem) = ModuleFacts::read("/fuzz.ko", bytes) {
        can_be_shown(&problem);
    }
    match zosc::kmod::open("/fuzz.ko", bytes) {
        Ok(opened) if opened.packing == Packing::Plain => {
            assert!(bytes.starts_with(&opened.object));
            assert_eq!(opened.signed, opened.object.len() < bytes.len());
        }
        Ok(_) => {}
        Err(problem) => can_be_shown(&problem),
    }
}

/// The files beside a kernel's modules that the parts of an input become, and two modules.
const LISTS: [&str; 5] = [
    "modules.dep",
    "modules.alias",
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
];

/// A module of this name, as small as they come.
const MODULE: &[u8] = include_bytes!("../module.ko");

/// Indexes a kernel whose lists say what the parts of the input say, divided by `\xff`; the last part is asked for. What is
/// selected is there, each module once and behind all that it needs, and can be indexed again.
pub fn module_lists(bytes: &[u8]) {
    let (_folder, store) = archives::store();
    let mut parts = bytes.split(|byte| *byte == 0xff);
    let mut tree = Tree::new();
    for name in LISTS {
        add(&mut tree, &store, name, parts.next().unwrap_or_default());
    }
    for name in ["kernel/a.ko", "kernel/b-c.ko", "updates/a.ko"] {
        add(&mut tree, &store, name, MODULE);
    }
    let kernel = match Kernel::read(&tree, &store) {
        Ok(kernel) => kernel,
        Err(problem) => return can_be_shown(&problem),
    };
    let asked = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    if let Err(problem) = kernel.meaning(&asked) {
        can_be_shown(&problem);
    }
    let selection = match kernel.select(&[asked.as_str(), "a", "b_c"]) {
        Ok(selection) => selection,
        Err(errors) => {
            return errors
                .iter()
                .for_each(|error| can_be_shown(&error.diagnostic));
        }
    };
    let mut before = Vec::new();
    for selected in &selection.modules {
        assert!(
            !before.contains(&selected.name),
            "{} comes twice",
            selected.name
        );
        before.push(selected.name.clone());
        assert!(tree.contains(&selected.path));
    }
    for selection in [selection, kernel.everything()] {
        if let Err(problem) = depmod(&kernel, &selection) {
            can_be_shown(&problem);
        }
    }
}

fn add(tree: &mut Tree, store: &Store, name: &str, content: &[u8]) {
    let path = ImagePath::new(&format!("/lib/modules/6.12.0/{name}")).expect("a path");
    let digest = store.put(content).expect("stored");
    let origin = Origin::new("package linux");
    let file = Entry::file(digest, content.len() as u64, 0o644, 0, origin);
    tree.insert_with_parents(path, file);
}

/// Matches a pattern, in the first line, with what is behind it, as a plain matcher does that tries everything.
pub fn alias(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, name) = text.split_once('\n').unwrap_or((&text, ""));
    let found = alias_matches(pattern, name);
    for text in [pattern, name] {
        if let Some(normal) = normal_alias(text) {
            assert_eq!(normal_alias(&normal).as_ref(), Some(&normal), "it settles");
        }
    }
    let is_plain = |byte: u8| !matches!(byte, b'[' | b']' | b'\\');
    let stars = pattern.bytes().filter(|byte| *byte == b'*').count();
    if pattern.bytes().all(is_plain) && stars <= 4 && name.len() <= 64 {
        assert_eq!(found, matches(pattern.as_bytes(), name.as_bytes()));
    }
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', further)), _) => {
            (0..=text.len()).any(|length| matches(further, &text[length..]))
        }
        (Some((b'?', further)), Some((_, rest))) => matches(further, rest),
        (Some((wanted, further)), Some((found, rest))) => wanted == found && matches(further, rest),
        (Some(_), None) => false,
    }
}

/// Reads texts of Kconfig and a `.config` against each other: parts divided by `\xff` are the configuration, the first text,
/// a text that it may include, and wishes in the form of a `.config`.
pub fn kernel_config(bytes: &[u8]) {
    let mut parts = bytes
        .split(|byte| *byte == 0xff)
        .map(|part| String::from_utf8_lossy(part).into_owned());
    let mut next = || parts.next().unwrap_or_default();
    let (made, first, second, wishes) = (Config::read(&next()), next(), next(), next());
    let mut opened = 0;
    let language = Language::read("x86_64", &mut |name: &str| {
        opened += 1;
        assert!(opened < 20_000, "a text that includes itself has an end");
        Some(if name == "Kconfig" {
            first.clone()
        } else {
            second.clone()
        })
    });
    let wished: BTreeMap<String, String> = wishes
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(symbol, value)| (symbol.to_owned(), value.to_owned()))
        .chain(
            language
                .symbols()
                .map(|symbol| (format!("CONFIG_{symbol}"), "y".to_owned())),
        )
        .collect();
    for unheeded in kconfig::verify(&wished, &made, &language) {
        can_be_shown(&unheeded.diagnostic);
    }
    if let Some(expression) = Expression::parse(&wishes) {
        expression.value(&made);
        expression.conjuncts();
        expression.symbols();
    }
}
