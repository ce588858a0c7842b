use std::collections::BTreeMap;

use proptest::prelude::*;

use super::made::{EDGE, MAIN, TESTING};
use super::*;

fn packages() -> Packages {
    let offered = |repository, tag, text: &'static str| Offered {
        repository,
        tag,
        text: text.as_bytes(),
    };
    Packages::of(&[
        offered("v3.22/main", None, MAIN),
        offered("edge/main", Some("edge"), EDGE),
        offered("v3.22/testing", None, TESTING),
    ])
}

#[test]
fn packages_are_found_by_the_beginnings_of_their_names() {
    let packages = packages();
    let names = |prefix: &str| -> Vec<String> {
        let found = packages.starting_with(prefix);
        found
            .map(|found| format!("{} {}", found.name, found.version))
            .collect()
    };
    assert_eq!(
        names("openssh"),
        [
            "openssh 9.10-r0",
            "openssh-doc 9.6-r0",
            "openssh-keygen 9.6-r0"
        ]
    );
    assert_eq!(names("").len(), packages.len());
    assert_eq!(names("zz"), Vec::<String>::new());
    assert_eq!(names("bé"), Vec::<String>::new());
}

#[test]
fn of_several_offers_the_newest_without_a_tag_comes_first() {
    let packages = packages();
    let busybox = packages.get("busybox").expect("offered");
    assert_eq!(
        (busybox.version, busybox.tag, busybox.repository),
        ("1.36-r1", None, "v3.22/main")
    );
    assert_eq!(
        (busybox.size, busybox.installed_size, busybox.description),
        (500, 900, "many tools in one")
    );
    let offers: Vec<_> = packages
        .offers_of("busybox")
        .map(|offer| (offer.version, offer.tag))
        .collect();
    assert_eq!(offers, [("1.36-r1", None), ("1.37-r0", Some("edge"))]);
    assert_eq!(
        packages.get("only-edge").and_then(|offer| offer.tag),
        Some("edge")
    );
    assert_eq!(
        packages.get("openssh").map(|offer| offer.repository),
        Some("v3.22/testing")
    );
}

#[test]
fn who_depends_on_a_package_is_told_through_what_it_provides() {
    let packages = packages();
    let dependants = |name| packages.dependants(name).collect::<Vec<_>>();
    assert_eq!(dependants("musl"), ["busybox", "openssh-keygen"]);
    assert_eq!(dependants("nothing"), Vec::<&str>::new());
    assert_eq!(
        packages.dependencies("busybox").collect::<Vec<_>>(),
        ["musl"]
    );
}

/// A lock of the packages of [`MAIN`], of which these are wished for.
fn locked(wishes: &[&str]) -> Locked {
    Locked::new(made::lock(wishes), &[MAIN.as_bytes(), TESTING.as_bytes()])
}

#[test]
fn what_only_one_wish_brings_in_is_its_share() {
    let locked = locked(&["busybox", "docs", "openssh>9"]);
    let share = |name| {
        locked
            .share(name)
            .map(|share| (share.packages, share.installed_size))
    };
    // Both need musl; the manual comes along with docs and openssh together.
    assert_eq!(share("busybox"), Some((1, 900)));
    assert_eq!(share("openssh"), Some((3, 40 + 20 + 7)));
    assert_eq!(share("docs"), Some((2, 3 + 7)));
    assert_eq!(share("musl"), None);
    assert_eq!(
        locked.needed_by("musl"),
        ["busybox", "openssh", "openssh-keygen"]
    );
}

#[test]
fn without_indexes_a_lock_still_has_its_versions() {
    let locked = Locked::new(locked(&["busybox"]).lock().clone(), &[]);
    assert_eq!(locked.share("busybox"), None);
    let versions: Vec<&str> = locked
        .packages("musl")
        .map(|package| package.version.as_str())
        .collect();
    assert_eq!(versions, ["1.2-r0"]);
}

#[test]
fn firmware_is_counted_by_pattern_with_links_followed() {
    let firmware = made::firmware();
    let matched = |pattern| {
        let found = firmware.matched(&[pattern]);
        (found.files.len(), found.bytes)
    };
    assert_eq!(matched("sound/*"), (2, 30));
    assert_eq!(matched("sound/two.bin"), (1, 20));
    assert_eq!(matched("sound/link.bin"), (1, 10));
    assert_eq!(matched("none/*"), (0, 0));
    let below: Vec<&str> = firmware.below("sound/").map(|file| file.path).collect();
    assert_eq!(
        below,
        ["sound/link.bin", "sound/one.bin", "sound/two.bin.xz"]
    );
}

#[test]
fn modules_are_found_with_what_they_pull_in() {
    let modules = made::modules();
    let virtio = modules.get("virtio-net").expect("a module");
    assert_eq!(
        (virtio.name, virtio.size, virtio.builtin),
        ("virtio_net", 4096, false)
    );
    assert_eq!(virtio.dependencies, ["failover", "net_failover"]);
    assert_eq!(virtio.description, "Virtio *network* driver");
    let radio = modules.get("radio").expect("a module");
    assert_eq!(radio.firmware, ["radio/one.bin", "radio/two.bin"]);
    assert!(modules.get("ext4").expect("built in").builtin);
    let names: Vec<&str> = modules
        .starting_with("net-")
        .map(|module| module.name)
        .collect();
    assert_eq!(names, ["net_failover"]);
    assert_eq!(modules.len(), 5);
}

#[test]
fn symbols_are_found_with_and_without_their_prefix() {
    let symbols = made::symbols();
    let net = symbols.get("CONFIG_NET").expect("a symbol");
    assert_eq!(
        (net.kind, net.prompt, net.help),
        ("bool", "Networking", "Talks to others.")
    );
    let names: Vec<&str> = symbols
        .starting_with("CONFIG_NET_")
        .map(|symbol| symbol.name)
        .collect();
    assert_eq!(names, ["NET_CORE"]);
    assert_eq!(symbols.starting_with("CONF").count(), symbols.len());
    assert_eq!(
        symbols
            .get("NET_CORE")
            .map(|symbol| (symbol.kind, symbol.prompt)),
        Some(("tristate", ""))
    );
}

/// An index with this many packages, each as long as Alpine's are in the middle.
fn generated(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let before = number.saturating_sub(number % 7 + 1);
        text.push_str(&format!(
            "C:Q1{number}=\nP:package-{number:05}\nV:1.{number}.0-r{}\nA:x86_64\nS:{number}\nI:{number}\n\
             T:A package that a test has made to be number {number}\nU:https://packages.example/{number}\nL:MIT\no:package\n\
             D:so:lib{before}.so.1 package-{before:05}\np:so:lib{number}.so.1=1 cmd:program{number}=1\n\n",
            number % 9,
        ));
    }
    text
}

#[test]
fn as_many_packages_as_alpine_has_take_a_few_megabytes() {
    let text = generated(23_000);
    let offered = Offered {
        repository: "v3.22/main",
        tag: None,
        text: text.as_bytes(),
    };
    let packages = Packages::of(&[offered]);
    assert_eq!(packages.len(), 23_000);
    assert_eq!(packages.starting_with("package-0012").count(), 10);
    let bytes = packages.bytes();
    eprintln!("23,000 packages take {bytes} bytes");
    assert!(bytes < 5 << 20);
}

/// Version strings of any form, also such as apk orders in no order.
fn any_version() -> impl Strategy<Value = String> {
    "[0-9a-z._~-]{1,6}"
}

proptest! {
    #[test]
    fn any_index_is_read_or_passed_over(text in "([CPVDpikSITY]:[a-c0-9=!<>~. ]{0,9}\n|\n){0,40}") {
        let offered = Offered { repository: "r", tag: None, text: text.as_bytes() };
        let packages = Packages::of(&[offered, offered]);
        let names: Vec<&str> = packages.starting_with("").map(|package| package.name).collect();
        prop_assert!(names.is_sorted());
        for name in names {
            let known: BTreeMap<&str, usize> = packages.dependants(name).map(|by| (by, 0)).collect();
            prop_assert!(known.keys().all(|by| packages.dependencies(by).any(|needed| needed == name)));
            prop_assert!(packages.offers_of(name).count() > 0);
        }
    }

    #[test]
    fn no_order_of_versions_is_a_surprise(versions in proptest::collection::vec(any_version(), 0..40)) {
        let records = versions.iter().map(|version| format!("C:Q1=\nP:a\nV:{version}\n"));
        let text = records.collect::<Vec<_>>().join("\n");
        let packages = Packages::of(&[Offered { repository: "r", tag: None, text: text.as_bytes() }]);
        prop_assert_eq!(packages.offers_of("a").count(), if packages.is_empty() { 0 } else { versions.len() });
    }
}
