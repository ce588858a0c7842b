//! What the scripts do, each in a machine made for the case.

use super::jail::Jail;

const RELEASE: &str = "6.12.44-Zero-OS";

#[test]
fn modules_are_loaded_in_their_order_and_those_that_fail_are_told_and_skipped() {
    let Some(jail) = Jail::new() else { return };
    jail.file(
        "/etc/zosc/stage1.modules",
        "# first\nvirtio_pci\nbad-one\nvirtio-net\nfuse\next4\n",
    );
    jail.file(&format!("/lib/modules/{RELEASE}/modules.dep"), "some\n");
    jail.file(
        &format!("/lib/modules/{RELEASE}/modules.builtin"),
        "kernel/fs/ext4/ext4.ko\n",
    );
    jail.file("/sys/module/fuse/here", "");
    jail.fake(
        "modprobe",
        "[ \"$1\" != bad-one ] || { echo no device >&2; exit 1; }\necho \"$1\" >>/loaded",
    );
    let (well, said) = jail.run("zero-os/modules.sh", &["stage1"]);
    assert!(well, "{said}");
    assert_eq!(jail.read("/loaded"), "virtio_pci\nvirtio-net\n");
    assert!(
        said.contains("modules: stage1: bad-one: no device"),
        "{said}"
    );
    assert!(
        said.contains("modules: stage1: 4 loaded, not: bad-one"),
        "{said}"
    );
    assert!(!said.contains("loading"), "{said}");
}

#[test]
fn with_initdebug_each_module_is_told_before_it_is_loaded() {
    for parameter in ["initdebug", "initdebug=true"] {
        let Some(jail) = Jail::new() else { return };
        jail.file("/proc/cmdline", &format!("console=ttyS0 {parameter}\n"));
        jail.file("/etc/zosc/stage1.modules", "nvme\n");
        jail.file(&format!("/lib/modules/{RELEASE}/modules.dep"), "some\n");
        jail.fake("modprobe", "exit 0");
        let (_, said) = jail.run("zero-os/modules.sh", &["stage1"]);
        assert!(said.contains("modules: stage1: loading nvme"), "{said}");
    }
}

#[test]
fn without_an_index_modules_are_found_by_their_file() {
    let Some(jail) = Jail::new() else { return };
    jail.file("/etc/zosc/stage2.modules", "snd_dummy\n");
    let file = format!("/lib/modules/{RELEASE}/kernel/sound/snd-dummy.ko.xz");
    jail.file(&file, "");
    jail.fake("insmod", "echo \"$1\" >>/loaded");
    let (_, said) = jail.run("zero-os/modules.sh", &["stage2"]);
    assert_eq!(jail.read("/loaded"), format!("{file}\n"), "{said}");
}

#[test]
fn the_index_is_written_only_where_there_is_none() {
    let Some(jail) = Jail::new() else { return };
    jail.fake("depmod", "echo ran >>/depmod");
    jail.run("zero-os/modules.sh", &["depmod"]);
    assert_eq!(jail.read("/depmod"), "", "there are no modules");
    jail.file(&format!("/lib/modules/{RELEASE}/kernel/a.ko"), "");
    jail.run("zero-os/modules.sh", &["depmod"]);
    assert_eq!(jail.read("/depmod"), "ran\n");
    jail.file(&format!("/lib/modules/{RELEASE}/modules.dep"), "some\n");
    jail.run("zero-os/modules.sh", &["depmod"]);
    assert_eq!(jail.read("/depmod"), "ran\n");
}

#[test]
fn the_network_is_ready_with_a_default_route_and_a_name_server() {
    let Some(jail) = Jail::new() else { return };
    jail.fake("dhcpcd", "exit 0");
    let head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
    let local = "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    let default = "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
    let ready = || jail.run("zero-os/network.sh", &["ready"]).0;
    jail.file("/proc/net/route", &format!("{head}{local}"));
    jail.file("/etc/resolv.conf", "nameserver 10.0.2.3\n");
    assert!(!ready(), "no default route");
    jail.file("/proc/net/route", &format!("{head}{default}{local}"));
    assert!(ready());
    jail.file("/etc/resolv.conf", "search example.org\n");
    assert!(!ready(), "no name server");
}

#[test]
fn coldplug_goes_on_where_udev_never_settles() {
    let Some(jail) = Jail::new() else { return };
    jail.file("/sbin/udevd", "");
    jail.fake("sleep", "exit 0");
    jail.fake("udevadm", "echo \"$@\" >>/asked\n[ \"$1\" != settle ]");
    jail.make_executable("/sbin/udevd");
    let (well, said) = jail.run("zero-os/devices.sh", &["coldplug"]);
    assert!(well, "{said}");
    assert!(said.contains("not settled"), "{said}");
    assert_eq!(
        jail.read("/asked"),
        "trigger --type=subsystems --action=add\ntrigger --type=devices --action=add\nsettle --timeout=30\n"
    );
}

#[test]
fn the_time_comes_from_where_the_image_says() {
    let Some(jail) = Jail::new() else { return };
    jail.fake("ntpd", "echo ntpd \"$@\"");
    assert_eq!(
        jail.run("zero-os/ntp.sh", &[]).1,
        "ntpd -n -p pool.ntp.org\n"
    );
    jail.file(
        "/etc/ntp.conf",
        "# ours\nserver a.example iburst\n pool b.example\n",
    );
    assert_eq!(
        jail.run("zero-os/ntp.sh", &[]).1,
        "ntpd -n -p a.example -p b.example\n"
    );
    jail.fake("chronyd", "echo chronyd \"$@\"");
    assert_eq!(
        jail.run("zero-os/ntp.sh", &[]).1,
        "chronyd -d makestep 1 3 rtcsync pool a.example iburst pool b.example iburst\n"
    );
    jail.file("/etc/chrony/chrony.conf", "server c.example\n");
    assert_eq!(
        jail.run("zero-os/ntp.sh", &[]).1,
        "chronyd -d -f /etc/chrony/chrony.conf\n"
    );
}

#[test]
fn mycelium_gets_its_key_and_its_peers() {
    let Some(jail) = Jail::new() else { return };
    jail.fake("mycelium", "echo \"$@\"");
    let alone = "--key-file /var/lib/mycelium/key --tun-name mycelium";
    assert_eq!(jail.run("zero-os/mycelium.sh", &[]).1, format!("{alone}\n"));
    jail.file(
        "/etc/mycelium/peers",
        "# ours\ntcp://a.example:9651\n\nquic://[2001:db8::1]:9651 far\n",
    );
    assert_eq!(
        jail.run("zero-os/mycelium.sh", &[]).1,
        format!("{alone} --peers tcp://a.example:9651 quic://[2001:db8::1]:9651\n")
    );
}

#[test]
fn host_keys_are_made_where_they_belong() {
    let Some(jail) = Jail::new() else { return };
    jail.fake("ssh-keygen", "echo made \"$@\"");
    assert_eq!(
        jail.run("zero-os/sshd-keys.sh", &[]),
        (true, "made -A\n".to_owned())
    );
}
