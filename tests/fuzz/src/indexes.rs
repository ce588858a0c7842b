//! Promises of `apk` about what an index lists: packages, their versions and what they need.

use std::cmp::Ordering;

use zosc::apk::dependency::{Constraint, Dependency};
use zosc::apk::index::{Index, Package};
use zosc::apk::version::{self, Precision};
use zosc::apk::{SignatureAlgorithm, open_index};
use zosc::diagnostic::Diagnostic;

use super::archives::{self, key};
use super::can_be_shown;

/// Reads an index: its text, or its archive, which nobody vouches for and then somebody does.
pub fn index(bytes: &[u8]) {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return text(bytes);
    }
    let keys = [key().1.clone()];
    assert!(open_index(bytes, &[], "fuzz").is_err());
    let vouched = [
        archives::vouching(SignatureAlgorithm::RsaSha256, bytes),
        bytes.to_vec(),
    ]
    .concat();
    for archive in [bytes, &vouched] {
        match open_index(archive, &keys, "fuzz") {
            Ok(opened) => text(&opened),
            Err(problem) => can_be_shown(&problem),
        }
    }
}

fn text(bytes: &[u8]) {
    match Index::parse(bytes) {
        Ok(index) => index.packages.iter().for_each(is_listed),
        Err(problem) => can_be_shown(&problem),
    }
}

/// What a package is called is the name of a file, and what it needs reads back.
fn is_listed(package: &Package<'_>) {
    let name = package.file_name();
    assert!(!name.starts_with('.') && !name.contains(|c: char| c == '/' || c.is_control()));
    let words = package.depends().chain(package.provides());
    words.chain(package.install_if()).for_each(reads_back);
}

/// Reads a line of dependencies, and the whole of it as one.
pub fn dependency(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    Dependency::parse_line(text).for_each(reads_back);
    reads_back(Dependency::parse(text));
}

/// A dependency that is written means the same, and a conflict is met where the rest of it is not.
fn reads_back(dependency: Result<Dependency<'_>, Diagnostic>) {
    let dependency = match dependency {
        Ok(dependency) => dependency,
        Err(problem) => return can_be_shown(&problem),
    };
    let written = dependency.to_string();
    assert_eq!(Dependency::parse(&written), Ok(dependency), "{written:?}");
    let Constraint::Version(_, wanted) = dependency.constraint else {
        return;
    };
    let opposite = Dependency {
        conflict: !dependency.conflict,
        ..dependency
    };
    for version in [Some(wanted), Some("1.2-r3"), None] {
        let met = dependency.is_met(version, "Q1");
        assert_ne!(
            met,
            opposite.is_met(version, "Q1"),
            "{written:?}, {version:?}"
        );
    }
}

/// Compares up to three texts, one a line: mirrored is reversed, and what are versions are in a total order.
pub fn version(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let texts: Vec<&str> = text.split('\n').take(3).collect();
    for left in &texts {
        assert_eq!(version::compare(left, left), Ordering::Equal, "{left:?}");
        for right in &texts {
            compares(left, right);
        }
    }
    let &[first, second, third] = texts.as_slice() else {
        return;
    };
    for [a, b, c] in [
        [first, second, third],
        [second, third, first],
        [third, first, second],
    ] {
        let at_most = |left, right| version::compare(left, right).is_le();
        if [a, b, c].into_iter().all(version::is_valid) && at_most(a, b) && at_most(b, c) {
            assert!(at_most(a, c), "{a:?} ≤ {b:?} ≤ {c:?}");
        }
    }
}

fn compares(left: &str, right: &str) {
    let exact = version::compare(left, right);
    assert_eq!(
        exact.reverse(),
        version::compare(right, left),
        "{left:?}, {right:?}"
    );
    let loose = version::matches(left, right, Precision::Prefix);
    assert_eq!(
        loose.reverse(),
        version::matches(right, left, Precision::Prefix)
    );
    assert!(loose.is_eq() || loose == exact, "{left:?}, {right:?}");
}
