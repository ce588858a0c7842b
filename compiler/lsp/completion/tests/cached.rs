use super::*;

#[test]
fn names_of_packages_come_from_the_index() {
    assert_eq!(
        shown(&plain(), "packages {\n    install musl openssh-‸\n}"),
        "openssh-doc (9.6-r0, 7 B): install musl openssh-doc\n\
         openssh-keygen (9.6-r0, 20 B): install musl openssh-keygen"
    );
    proposes(
        "packages { install openssh\n exclude ossh‸ }",
        &["openssh", "openssh-doc", "openssh-keygen"],
    );
    proposes(
        "packages { install openssh\n install openssh‸ }",
        &["openssh-doc", "openssh-keygen"],
    );
    proposes("packages { install keygen‸ }", &["openssh-keygen"]);
    assert_eq!(
        shown(&plain(), "packages { install only‸ }"),
        "only-edge (2-r0, 1 B, needs tag=edge): packages { install only-edge tag=edge }"
    );
    proposes(
        "packages { install openssh version=\"‸\" }",
        &["~9.6", "=9.6-r0"],
    );
    assert_eq!(
        shown(
            &plain(),
            "toolchain r { alpine packages=\"busybox mus‸ docs\" }"
        ),
        "musl (1.2-r0, 600 B): toolchain r { alpine packages=\"busybox musl docs\" }"
    );
    proposes(
        "toolchain r { alpine packages=\"musl openssh ‸",
        &[
            "busybox",
            "docs",
            "openssh-doc",
            "openssh-keygen",
            "only-edge",
        ],
    );
    let (_, list) = ask(&able(), "kernel { package busy‸ }");
    let Some(lsp::Documentation::MarkupContent(about)) = &list.items[0].documentation else {
        panic!("documentation");
    };
    assert_eq!(
        about.value,
        "many tools in one\n\n1.36-r1 from `v3.22/main`, 500 B to fetch, 900 B installed\n\nlocked: 1.36-r1"
    );
}

#[test]
fn modules_firmware_and_symbols_come_from_the_kernel() {
    assert_eq!(
        shown(&plain(), "modules { stage1 failover ‸ }"),
        "net_failover (4.0 KiB): modules { stage1 failover net_failover }\n\
         radio (4.0 KiB): modules { stage1 failover radio }\n\
         virtio_net (4.0 KiB): modules { stage1 failover virtio_net }\n\
         optional (optional=#true|#false): modules { stage1 failover optional=#true }\n\
         flist (flist=\"…\"): modules { stage1 failover flist= }\n\
         ext4 (built in: nothing to load): modules { stage1 failover ext4 }"
    );
    proposes("modules { stage1 virtio-‸; }", &["virtio-net"]);
    proposes("modules { stage1 virtio_net; stage1 virt‸ }", &[]);
    assert_eq!(
        shown(&plain(), "firmware { keep \"‸\" }"),
        "radio/: firmware { keep \"radio/\" }\nsound/: firmware { keep \"sound/\" }"
    );
    proposes(
        "firmware { keep \"sound/‸\" }",
        &[
            "sound/*",
            "sound/link.bin",
            "sound/one.bin",
            "sound/two.bin",
        ],
    );
    assert_eq!(
        shown(&able(), "kernel { config { set NET‸ } }"),
        "CONFIG_NET (bool): kernel { config { set CONFIG_NET=y } }\n\
         CONFIG_NET_CORE (tristate): kernel { config { set CONFIG_NET_CORE=y } }"
    );
    proposes("kernel { config { set CONFIG_NET=‸ } }", &["y", "n"]);
    proposes(
        "kernel { config { set CONFIG_NET_CORE=‸ } }",
        &["y", "m", "n"],
    );
    proposes(
        "kernel { config { set CONFIG_NET=y CONFIG_‸ } }",
        &["CONFIG_NET_CORE"],
    );
}

#[test]
fn where_nothing_is_cached_a_command_is_named_and_nothing_inserted() {
    for (text, command) in [
        (
            "packages { install bu‸ }",
            "`zosc lock` fetches the names of packages",
        ),
        (
            "modules { stage1 ‸ }",
            "`zosc lock` fetches the names of modules",
        ),
        (
            "firmware { keep \"‸\" }",
            "`zosc lock` fetches the names of firmware files",
        ),
        (
            "kernel { config { set ‸ } }",
            "`zosc build` fetches the kernel's symbols",
        ),
    ] {
        let (text, offset) = marked(text);
        let list = ask_as(&able(), &made::nothing(), &text, offset, None);
        let mut hints = list.items.iter().filter(|item| item.label == command);
        let hint = hints.next().unwrap_or_else(|| panic!("{list:?}"));
        assert!(list.is_incomplete && hints.next().is_none());
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(&accepted(&able(), &text, hint)), bare(&text));
    }
    // Nothing is read for a manifest that never was right.
    let (text, offset) = marked("packages { install ‸");
    let list = ask_as(&able(), &Knowledge::default(), &text, offset, None);
    let label = &list.items.last().unwrap().label;
    assert_eq!(
        label,
        "the names of packages are known once nothing is wrong with the manifest"
    );
}

#[test]
fn of_very_many_the_first_come_and_the_client_asks_again() {
    let mut index = String::new();
    for number in 0..23_000 {
        index += &format!("C:Q1a=\nP:package-{number:05}\nV:1-r0\nS:1\nI:1\nT:\n\n");
    }
    let knowledge = made::offering(&index);
    let asked = |text: &str| {
        let (text, offset) = marked(text);
        ask_as(&able(), &knowledge, &text, offset, None)
    };
    let list = asked("packages { install pack‸ }");
    assert!(list.is_incomplete && list.items.len() == MOST);
    let list = asked("packages { install package-2222‸ }");
    assert!(!list.is_incomplete && list.items.len() >= 10);
    assert_eq!(list.items[0].label, "package-22220");
}
