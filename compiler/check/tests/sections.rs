//! Sections by themselves, and rules across them.

use super::*;
use crate::manifest::source::Property;

#[test]
fn repositories_are_addresses_on_every_mirror() {
    let image = check_text(&with(
        "alpine \"3.22\" { mirror \"https://a/alpine/\" \"http://b\"; repository main; \
         repository testing branch=edge tag=edge; repository \"file:///srv/apk\"; repository \"./packages\"; key \"keys/a.rsa.pub\" }",
    ))
    .image();
    let alpine = image.alpine.expect("a section");
    let urls: Vec<Vec<String>> = alpine
        .repositories
        .iter()
        .map(|one| one.urls.clone())
        .collect();
    assert_eq!(
        urls,
        [
            vec!["https://a/alpine/v3.22/main", "http://b/v3.22/main"],
            vec!["https://a/alpine/edge/testing", "http://b/edge/testing"],
            vec!["file:///srv/apk"],
            vec!["file:///site/packages"],
        ]
    );
    assert_eq!(alpine.repositories[1].tag.as_deref(), Some("edge"));
    assert_eq!(alpine.keys[0].name, "a.rsa.pub");
}

#[test]
fn of_the_keys_for_two_processors_an_image_trusts_its_own() {
    let arm = "keys/alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub";
    let manifest = format!(
        "image site\nalpine \"3.22\" {{ mirror \"https://mirror.example/alpine\"; repository main; key \"std:alpine/6165ee59\"; key \"{arm}\"; key \"keys/a.rsa.pub\" }}\n"
    );
    let files = [("zos.kdl", manifest.as_str()), (arm, PEM)];
    for (arch, own) in [("x86_64", "6165ee59"), ("aarch64", "616ae350")] {
        let outcome = check_files(&files, &[&format!("image.arch={arch}")]);
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        let alpine = outcome
            .image
            .and_then(|image| image.alpine)
            .expect("a section");
        let names: Vec<&str> = alpine.keys.iter().map(|key| key.name.as_str()).collect();
        let own = format!("alpine-devel@lists.alpinelinux.org-{own}.rsa.pub");
        assert_eq!(names, [own.as_str(), "a.rsa.pub"]);
    }
}

#[test]
fn a_folder_may_be_called_anything() {
    let outcome = check_files(
        &[(
            "zos.kdl",
            "image site\nalpine \"3.22\" { mirror \"./50% off\"; repository main; repository \"./own packages\"; key \"keys/a.rsa.pub\" }\n",
        )],
        &[],
    );
    let alpine = outcome
        .image
        .and_then(|image| image.alpine)
        .expect("a section");
    let urls: Vec<&str> = alpine
        .repositories
        .iter()
        .flat_map(|one| &one.urls)
        .map(String::as_str)
        .collect();
    assert_eq!(
        urls,
        [
            "file:///site/50%25%20off/v3.22/main",
            "file:///site/own%20packages"
        ]
    );
}

#[test]
fn repositories_and_keys_are_checked() {
    finds(
        "alpine \"3.22\" { mirror \"https://me:pw@host/x\"; repository main; key \"keys/a.rsa.pub\" }",
        "credentials-in-url \"https://me:pw@host/x\"",
    );
    finds(
        "alpine \"3.22\"",
        "no-repository \"3.22\"
         no-key \"3.22\"",
    );
    finds(
        "alpine \"3.22\" { repository main; repository \"a b\"; key \"keys/a.rsa.pup\"; key \"keys/private\" }",
        "
         no-mirror main
         bad-repository \"a b\"
         file-not-found \"keys/a.rsa.pup\"
         bad-key \"keys/private\"",
    );
    let wrong = "0".repeat(64);
    finds(
        &format!(
            "alpine \"3.22\" {{ repository \"file:///x\"; key \"keys/a.rsa.pub\" sha256=\"{wrong}\" }}"
        ),
        &format!("key-mismatch \"{wrong}\""),
    );
}

#[test]
fn packages_are_asked_for_in_one_way() {
    let image = check_text(&with(&format!(
        "{ALPINE}packages {{ install a b version=\"1.2\"; install c; install c; exclude d; scripts skip; scripts run a }}"
    )))
    .image();
    let packages = image.packages;
    let names: Vec<&str> = packages
        .install
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let version = packages.install[0]
        .version
        .as_ref()
        .map(|version| version.as_str());
    assert_eq!(version, Some("=1.2"));
    assert!(!packages.run_scripts);
    assert_eq!(packages.script_exceptions.get("a"), Some(&true));
    finds(
        &format!(
            "{ALPINE}packages {{ install a; install a version=\"~1\"; install b tag=egde; exclude b; scripts run; scripts skip }}"
        ),
        "
         duplicate-package a
         unknown-tag egde
         excluded-package b
         conflicting-scripts skip",
    );
    finds("packages { install a }", "no-alpine a");
    finds(
        "toolchain c { alpine packages=\"rust-src rust\" }",
        "no-alpine rust-src",
    );
}

#[test]
fn sources_come_from_one_place_and_are_built_in_one_way() {
    let image = check_text(&with(
        "toolchain rust { host }\n\
         source rg { crate ripgrep version=\"=14.1.1\"; build cargo { bin rg }; install rg to=\"/usr/bin/rg\" mode=\"0700\"; verify static }\n\
         source agent { path \"agent\"; build script=make; install agent to=\"/usr/bin/agent\" }",
    ))
    .image();
    assert_eq!(image.sources[0].install[0].mode, 0o700);
    assert!(image.sources[0].verifies(Property::Static));
    assert!(
        matches!(&image.sources[0].from, SourceOrigin::Crate { version, .. } if version.as_str() == "14.1.1")
    );
    assert_eq!(
        image.sources[0].build.as_ref().expect("built").toolchain,
        "rust"
    );
    finds(
        "source a { build; install a to=\"/a\" }",
        "source-origin a
         build-recipe build
         which-toolchain build",
    );
    finds(
        "toolchain rust { host }\ntoolchain other\nsource a { path agent; crate x version=\"1.0.0\"; build cargo toolchain=rsut; install \"../a\" to=\"/usr/bin/\" }",
        "
         toolchain-origin other
         source-origin agent
         unknown-toolchain rsut
         bad-image-path \"../a\"
         bad-image-path \"/usr/bin/\"",
    );
    finds(
        "toolchain rust { host }\nsource a { path agnet; build script=make target=x }\nsource a { path agent; build cargo script=make; install a to=\"/a\" }",
        "
         nothing-installed a
         file-not-found agnet
         recipe-setting x
         duplicate-name a
         build-recipe make",
    );
}

#[test]
fn repositories_have_one_revision() {
    let git = |what: &str| format!("source a {{ git {what}; install a to=\"/a\" }}");
    let revision = |what: &str| match check_text(&with(&git(what))).image().sources.remove(0).from {
        SourceOrigin::Git { revision, .. } => revision.value,
        other => panic!("{other:?}"),
    };
    let hash = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(
        revision(&format!("\"https://h/a\" rev=\"{hash}\"")),
        GitRevision::Commit(hash.to_owned())
    );
    assert_eq!(
        revision("\"git@h:a\" rev=v1"),
        GitRevision::Named("v1".to_owned())
    );
    assert_eq!(
        revision("\"ssh://git@h/a\" branch=main"),
        GitRevision::Branch("main".to_owned())
    );
    finds(&git("\"https://h/a\""), "git-revision \"https://h/a\"");
    finds(&git("h tag=v1"), "bad-address h");
}

#[test]
fn settings_reach_sources() {
    let manifest = with(
        "source a { git \"https://h/a\" tag=v1; install a to=\"/a\" }\n\
         source b { release { asset x86_64 url=\"https://h/b\" sha256=\"0000000000000000000000000000000000000000000000000000000000000000\" }; install b to=\"/b\" }",
    );
    let outcome = check_files(
        &[("zos.kdl", &manifest)],
        &[
            "source.a.git.tag=v2",
            "source.b.release.asset.x86_64.url=https://h/c",
            "source.b.release.rename=b",
        ],
    );
    let sources = outcome.image().sources;
    assert!(
        matches!(&sources[0].from, SourceOrigin::Git { revision, .. } if revision.value == GitRevision::Tag("v2".to_owned()))
    );
    assert!(
        matches!(&sources[1].from, SourceOrigin::Release { url, .. } if url.value == "https://h/c")
    );
    let outcome = check_files(&[("zos.kdl", &manifest)], &["source.a.git.branch=main"]);
    assert_eq!(outcome.found(), ["git-revision main"]);
}

#[test]
fn downloads_are_pinned() {
    let pin = "0".repeat(64);
    let release = |what: &str| format!("source a {{ release {what}; install a to=\"/a\" }}");
    let image = check_text(&with(&release(&format!(
        "\"https://h/a.tar.gz?x=1\" sha256=\"{pin}\""
    ))))
    .image();
    assert!(matches!(
        image.sources[0].from,
        SourceOrigin::Release { unpack: true, .. }
    ));
    let image = check_text(&with(&release(&format!(
        "\"https://h/a\" sha256=\"{pin}\""
    ))))
    .image();
    assert!(matches!(
        image.sources[0].from,
        SourceOrigin::Release { unpack: false, .. }
    ));
    finds(
        &release("\"https://h/a\""),
        "unpinned-download \"https://h/a\"",
    );
    finds(
        &release(&format!("\"https://h/a\" sha256=\"{pin}\" unpack=#true")),
        "not-an-archive #true",
    );
    finds(
        &release(&format!(
            "\"https://h/a?token=x\" sha256=\"{pin}\" strip-components=1"
        )),
        "
         credentials-in-url \"https://h/a?token=x\"
         not-an-archive 1",
    );
}

#[test]
fn kernels_come_from_one_place() {
    let image = check_text(&with(
        "kernel \"6.1\" { prebuilt image=\"boot/vmlinuz\" modules=\"boot/lib/modules\"; cmdline \"console=ttyS0  quiet\" \"panic=1\"; stub path=\"boot/vmlinuz\" }\n\
         modules { stage1 virtio-net; stage2 igb optional=#true }",
    ))
    .image();
    assert_eq!(
        image.kernel.expect("a kernel").cmdline,
        "console=ttyS0 quiet panic=1"
    );
    assert!(image.stage2[0].optional);
    assert_eq!(image.outputs.len(), 2);
    finds("kernel", "kernel-origin kernel");
    finds("kernel { package linux-virt }", "no-alpine linux-virt");
    finds(
        "kernel { prebuilt image=\"boot/vmlinuz\" }",
        "no-alpine kernel",
    );
    finds(
        "kernel \"../x\" { package a; prebuilt image=\"boot/vmlinux\"; stub }",
        "
         kernel-origin \"../x\"
         kernel-origin \"boot/vmlinux\"
         stub-origin stub",
    );
    finds(
        "kernel { prebuilt image=boot; stub path=motd; cmdline \"a panic=1\" a \"panic=2\" \"b\\nc\" }",
        "
         wrong-file-kind boot
         repeated-parameter a
         repeated-parameter panic=2
         bad-cmdline \"b\\nc\"",
    );
}

fn built(image: &Image) -> &BuiltKernel {
    match &image.kernel.as_ref().expect("a kernel").from {
        KernelOrigin::Built(built) => built,
        other => panic!("{other:?}"),
    }
}

/// A kernel that is built, with further lines.
fn from_source(lines: &str) -> String {
    let pin = "0".repeat(64);
    with(&format!(
        "toolchain c {{ host }}\nkernel \"6.12\" {{ tarball sha256=\"{pin}\"; embed builtin; {lines} }}"
    ))
}

#[test]
fn kernels_are_built_from_their_sources() {
    let image = check_text(&from_source(
        "config \"base.config\" { set CONFIG_EFI_STUB=y CONFIG_HZ=\"250\" CONFIG_NAME=site CONFIG_DEBUG=n }",
    ))
    .image();
    let kernel = built(&image);
    assert_eq!(kernel.release(), "6.12.0-base");
    assert_eq!(kernel.toolchain, "c");
    let KernelSource::Tarball { urls, .. } = &kernel.source else {
        panic!("{:?}", kernel.source)
    };
    assert_eq!(
        urls[0],
        "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12.tar.xz"
    );
    assert!(!kernel.config.from_default);
    let value = |symbol: &str| kernel.config.values.get(symbol).map(String::as_str);
    assert_eq!(value("CONFIG_EFI_STUB"), Some("y"));
    assert_eq!(value("CONFIG_HZ"), Some("250"));
    assert_eq!(value("CONFIG_NAME"), Some("\"site\""));
    assert_eq!(value("CONFIG_DEBUG"), Some("n"));
    assert_eq!(value("CONFIG_RD_XZ"), Some("y"));
}

#[test]
fn settings_reach_the_kernel() {
    let manifest = from_source("config \"base.config\"; localversion \"-a\"");
    let settings = [
        "kernel.version=6.12.50",
        "kernel.localversion=-Zero-OS",
        "kernel.config.set.CONFIG_EFI_STUB=y",
        "kernel.sign.key=(env)SB_KEY",
        "kernel.sign.cert=cert.pem",
    ];
    let certificate = include_str!("../../../tests/fixtures/secure-boot/db.crt");
    let certificate = ("cert.pem", certificate);
    let files = [("zos.kdl", manifest.as_str()), certificate];
    let image = check_files(&files, &settings).image();
    assert_eq!(built(&image).release(), "6.12.50-Zero-OS");
    let sign = image.kernel.as_ref().and_then(|kernel| kernel.sign.clone());
    let key = sign.expect("it is signed").key.value;
    assert_eq!(key, SigningKey::Environment("SB_KEY".to_owned()));
}

#[test]
fn a_configuration_is_judged_where_it_decides() {
    let found = |lines: &str| check_text(&from_source(lines)).found();
    assert_eq!(
        found("config \"base.config\""),
        ["cannot-boot # CONFIG_EFI_STUB is not set"]
    );
    assert_eq!(
        found("config \"base.config\" { set CONFIG_EFI_STUB=y CONFIG_SYSFS=m }"),
        ["cannot-boot m"]
    );
    // What no file says is left to Kconfig, unless the file says that it is whole.
    assert_eq!(found("config { set CONFIG_EFI_STUB=y }"), [""; 0]);
    assert_eq!(found(""), [""; 0]);
    assert_eq!(
        found("config \"base.config\" { set CONFIG_EFI_STUB=y }; cmdline \"console=ttyS0\""),
        ["cannot-boot \"base.config\""]
    );
    assert_eq!(
        found(
            "config \"base.config\" { set CONFIG_EFI_STUB=y CONFIG_TTY=y }; cmdline \"console=ttyS0\""
        ),
        [""; 0]
    );
}

#[test]
fn a_file_that_is_no_configuration_is_told_once() {
    let text = "int main(void)\n{\n    return 0;\n}\n";
    let manifest = from_source("config \"main.c\"");
    let outcome = check_files(&[("zos.kdl", &manifest), ("main.c", text)], &[]);
    assert_eq!(outcome.found(), ["bad-config-line \"main.c\""]);
    let many = "CONFIG_A y\n".repeat(100) + "CONFIG_B=y\n";
    let outcome = check_files(&[("zos.kdl", &manifest), ("main.c", &many)], &[]);
    assert_eq!(outcome.found().len(), 20);
    let last = outcome.problems.iter().last().expect("the last");
    assert!(last.message.contains("80 more lines"), "{}", last.message);
}

#[test]
fn modules_are_named_once_and_need_a_kernel() {
    finds(
        "modules { stage1 virtio_net; stage2 virtio-net }\nfirmware { for-modules stage1; keep \"a[\" }",
        "
         no-kernel-modules virtio_net
         duplicate-module virtio-net
         no-firmware-package stage1
         bad-pattern \"a[\"",
    );
}

#[test]
fn files_have_one_content_and_one_place() {
    let image = check_text(&with(
        "file \"/etc/a\" text=\"x\" mode=\"0600\"\nfile \"/etc/b\" from=motd\nfile \"/etc/c\" link=a",
    ))
    .image();
    assert_eq!(image.files[0].mode, 0o600);
    assert!(
        matches!(&image.files[1].content, FileContent::Local(path) if path.value == Path::new("/site/motd"))
    );
    finds(
        "file \"/a\"\nfile \"/a\" text=x\nfile \"/b\" text=x from=motd\nfile \"/a/c\" text=x\nfile \"/\" text=x\nfile \"/d\" from=\"\"\noverlay motd\noverlay \".\"\noverlay agent\noverlay \"./agent\"",
        "
         file-content \"/a\"
         duplicate-destination \"/a\"
         file-content motd
         duplicate-destination \"/a/c\"
         bad-image-path \"/\"
         bad-path \"\"
         wrong-file-kind motd
         bad-path \".\"
         duplicate-destination \"./agent\"",
    );
}

#[test]
fn accounts_fit_into_passwd() {
    let image = check_text(&with(
        "account root { authorized-keys \"keys/ops.pub\" }\naccount ops uid=1000 { passwordless; groups wheel }\ngroup zos gid=7",
    ))
    .image();
    assert_eq!(image.files[0].to.as_str(), "/root/.ssh/authorized_keys");
    assert_eq!(image.files[0].mode, 0o600);
    assert_eq!(image.accounts[1].password, Password::Empty);
    finds(
        "account a uid=5 { title \"a:b\" }\naccount a uid=5\naccount b { authorized-keys \"keys/ops.pub\" }\naccount root { authorized-keys \"keys/private\"; passwordless; password-hash geheim }",
        "
         bad-account \"a:b\"
         duplicate-name a
         duplicate-number 5
         bad-account \"keys/ops.pub\"
         bad-key \"keys/private\"
         bad-account geheim
         bad-account geheim",
    );
}

#[test]
fn an_open_login_must_be_meant() {
    let manifest = |accept: &str| {
        format!("{ALPINE}packages {{ install openssh }}\naccount root {{ passwordless; {accept} }}")
    };
    finds(&manifest(""), "open-login root");
    finds(&manifest("accept open-ssh"), "");
    finds(
        "zinit dialect=toml\nunit ssh { exec \"/usr/sbin/sshd -D\" }\naccount root { passwordless }",
        "open-login root",
    );
}

#[test]
fn branding_is_filled_in() {
    let image = check_text(
        "image site version=\"1.0\" { title Site }\nbranding { hostname box; os-release id=site pretty=\"{title} v{version}\"; motd from=motd; build-id \"/etc/build\" }",
    )
    .image();
    let lines = image.os_release.expect("asked for");
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        lines,
        [
            "NAME=Site",
            "ID=site",
            "VERSION_ID=1.0",
            "PRETTY_NAME=Site v1.0"
        ]
    );
    finds(
        "branding { hostname box; os-release id=site pretty=\"{versoin}\"; issue }\nfile \"/etc/hostname\" text=x",
        "
         duplicate-destination box
         unknown-variable {versoin}
         file-content issue",
    );
    finds(
        "branding { os-release id=a name=\"a\\nb\" }",
        "control-character \"a\\nb\"",
    );
}

#[test]
fn sizes_and_levels_are_in_range() {
    let image = check_text(&with(
        "size { drop docs \"/x/**\"; max initramfs=\"2MiB\" }\ninitramfs compress=zstd",
    ))
    .image();
    assert_eq!(image.max_initramfs.expect("a limit").value, 2 << 20);
    let patterns: Vec<usize> = image.drop.iter().map(|drop| drop.patterns.len()).collect();
    assert_eq!(patterns, [3, 1]);
    assert_eq!(image.compression, Compression::Zstd { level: 15 });
    finds(
        "size { drop \"/x[\"; max initramfs=\"99999999999GiB\" }\ninitramfs compress=xz level=10\nboot memory=\"1MiB\" { disk \"0B\" }",
        "
         bad-pattern \"/x[\"
         out-of-range \"99999999999GiB\"
         compression-level 10
         out-of-range \"1MiB\"
         out-of-range \"0B\"",
    );
    finds("initramfs compress=gzip level=9", "compression-level 9");
}

#[test]
fn outputs_have_names_of_files() {
    finds(
        "source rg { crate ripgrep version=\"1.0.0\"; install rg to=\"/rg\" }\noutputs { efi \"a-{kernel}.efi\"; efi-versioned \"a-{source.rg.version}\"; initramfs \"../x\" }",
        "
         output-without-kernel \"a-{kernel}.efi\"
         unknown-variable {kernel}
         output-without-kernel \"a-{source.rg.version}\"
         bad-output-name \"../x\"",
    );
    finds("outputs", "no-output outputs");
    let found = check_text("image a\noutputs { initramfs \"{version}\" }").found();
    assert_eq!(found, ["unknown-variable {version}"]);
}

#[test]
fn a_file_wins_over_what_a_source_installs() {
    let source = "source a { crate x version=\"1.0.0\"; install a to=\"/a\" }\n";
    finds(&format!("{source}file \"/a\" text=x"), "");
    finds(
        &format!("{source}source b {{ crate y version=\"1.0.0\"; install b to=\"/a/b\" }}"),
        "duplicate-destination \"/a/b\"",
    );
}
