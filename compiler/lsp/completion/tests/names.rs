use super::*;

#[test]
fn units_are_offered_without_the_one_itself_and_rings_come_last() {
    let text = "import \"units/site.kdl\"\nunit a { after b; }\nunit b { exec x; }\nunit c { oneshot; disabled; }\nunit b2 { after ‸ }\n";
    assert_eq!(
        shown(&plain(), text),
        "a: unit b2 { after a }\nb (x): unit b2 { after b }\nsite (target): unit b2 { after site }\nc (switched off): unit b2 { after c }"
    );
    assert_eq!(
        shown(&plain(), "unit a { after b; }\nunit b { after ‸ }\n"),
        "a (waits for `b` already): unit b { after a }"
    );
    proposes(
        "flist modules { mount \"/x\"; }\nunit a { requires ‸ }",
        &["rfs-modules"],
    );
    // What is left out brings nothing with it.
    proposes(
        "flist modules { /-mount \"/x\"; }\nunit b { target; }\nunit a { requires ‸ }",
        &["b"],
    );
    proposes(
        "unit a { oneshot; }\nboot { expect \"‸\" }",
        &["unit a success"],
    );
}

#[test]
fn names_of_the_manifest_are_offered_where_something_refers_to_them() {
    proposes("toolchain rust\nkernel { toolchain ‸ }", &["rust"]);
    proposes(
        "toolchain rust\nsource a { build cargo toolchain=‸ }",
        &["rust"],
    );
    proposes(
        "source a { build cargo { bin x y }\n install ‸ }",
        &["x", "y", "to", "mode"],
    );
    proposes("group wheel\naccount a { groups w‸ }", &["wheel"]);
    proposes(
        "alpine \"3.22\" { repository testing tag=edge }\npackages { install tag=‸ }",
        &["edge"],
    );
}

#[test]
fn secrets_are_read_from_the_environment() {
    assert_eq!(
        shown(&plain(), "publish s3 { key-id (env)MY_ID\n secret ‸ }"),
        "(env)MY_ID (read from the environment): secret (env)MY_ID }\n(env)S3_SECRET (read from the environment): secret (env)S3_SECRET }"
    );
    proposes("kernel { sign key=(‸ }", &["env"]);
    proposes("kernel { sign key=(env)‸ }", &["SB_KEY"]);
}

#[test]
fn variables_are_offered_behind_an_open_brace() {
    proposes("outputs { efi \"vmlinuz-{k‸\" }", &["{kernel}"]);
    assert_eq!(
        shown(&plain(), "outputs { efi \"a-{ke‸rnel}.efi\" }")
            .lines()
            .next(),
        Some(
            "{kernel} (The kernel and how the image is packed around it.): outputs { efi \"a-{kernel}.efi\" }"
        )
    );
    proposes("branding { motd text=\"{‸}\" }", &["{build-id}"]);
}

#[test]
fn paths_are_offered_one_folder_at_a_time() {
    proposes("overlay ‸", &["kernel/", "keys/", "units/", "motd", "to"]);
    assert_eq!(
        shown(&plain(), "account root { authorized-keys \"keys/‸\" }"),
        "keys/ops.pub: account root { authorized-keys \"keys/ops.pub\" }\nkeys/.hidden: account root { authorized-keys \"keys/.hidden\" }"
    );
    assert_eq!(shown(&plain(), "overlay key‸"), "keys/: overlay \"keys/");
    assert_eq!(shown(&able(), "overlay key‸"), "keys/: overlay \"keys/\"");
    assert_eq!(shown(&plain(), "overlay \"mo‸"), "motd: overlay \"motd\"");
    proposes("import \"units/‸\"", &["units/site.kdl"]);
    assert!(labels("import \"std:zero-os/s‸\"").contains(&"std:zero-os/sshd".to_owned()));
}
