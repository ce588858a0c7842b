//! Programs that put themselves in the background.
//!
//! A supervisor takes such a program for ended and starts it again and again. What is known of each stands in a table with
//! the manual page that says so; a line more is all that another program takes.

use super::rules::{base, without_busybox};
use super::script::{Sent, last_command};
use super::unit::Command;

/// A program that puts itself in the background, so that its supervisor takes it for dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemonises {
    /// The program.
    pub program: String,
    /// The argument that does it, where one does.
    pub because: Option<String>,
    /// The argument that keeps it in the foreground, where one is known.
    pub instead: Option<&'static str>,
    /// The manual page that says so, where it is about this program.
    pub manual: Option<&'static str>,
}

/// What is known of a program.
struct Habit {
    /// Its name.
    program: &'static str,
    /// Arguments that send it to the background; where there are none, it goes by itself.
    leaves: &'static [&'static str],
    /// Arguments that keep it in the foreground, or end it at once; the one to recommend first.
    stays: &'static [&'static str],
    /// The manual page that says so.
    manual: &'static str,
}

/// A program that goes to the background unless told otherwise.
const fn goes(
    program: &'static str,
    stays: &'static [&'static str],
    manual: &'static str,
) -> Habit {
    Habit {
        program,
        leaves: &[],
        stays,
        manual,
    }
}

/// A program that goes to the background when it is told to.
const fn told(
    program: &'static str,
    leaves: &'static [&'static str],
    manual: &'static str,
) -> Habit {
    Habit {
        program,
        leaves,
        stays: &[],
        manual,
    }
}

/// The table, by name.
const HABITS: &[Habit] = &[
    goes("acpid", &["-f", "--foreground", "-d"], "acpid(8)"),
    goes("atd", &["-f"], "atd(8)"),
    goes("automount", &["-f", "--foreground"], "automount(8)"),
    told("autossh", &["-f"], "autossh(1)"),
    told("avahi-daemon", &["-D", "--daemonize"], "avahi-daemon(8)"),
    goes("bird", &["-f", "-d", "-p"], "bird(8)"),
    goes("chronyd", &["-d", "-n", "-Q", "-q"], "chronyd(8)"),
    goes("collectd", &["-f", "-t", "-T"], "collectd(1)"),
    told("conntrackd", &["-d"], "conntrackd(8)"),
    goes("corosync", &["-f", "-t"], "corosync(8)"),
    goes("cron", &["-f"], "cron(8)"),
    goes("crond", &["-f", "-d", "-n"], "crond(8)"),
    Habit {
        program: "dbus-daemon",
        leaves: &["--fork", "--system"],
        stays: &["--nofork"],
        manual: "dbus-daemon(1)",
    },
    goes("dhclient", &["-d", "-r", "-x"], "dhclient(8)"),
    goes(
        "dhcpcd",
        &["-B", "--nobackground", "-1", "--oneshot", "-T", "--test"],
        "dhcpcd(8)",
    ),
    goes("dhcpd", &["-f", "-d", "-t", "-T"], "dhcpd(8)"),
    goes("dhcrelay", &["-d"], "dhcrelay(8)"),
    goes(
        "dnsmasq",
        &["-k", "--keep-in-foreground", "-d", "--no-daemon", "--test"],
        "dnsmasq(8)",
    ),
    goes("dropbear", &["-F", "-i"], "dropbear(8)"),
    goes("fail2ban-server", &["-f", "-t"], "fail2ban-server(1)"),
    goes("glusterd", &["-N", "--no-daemon"], "glusterd(8)"),
    goes("haveged", &["-F", "--Foreground", "-n"], "haveged(8)"),
    told("hostapd", &["-B"], "hostapd(8)"),
    goes(
        "httpd",
        &["-f", "-DFOREGROUND", "FOREGROUND", "-X", "-t"],
        "httpd(8)",
    ),
    goes("ifplugd", &["-n", "--no-daemon"], "ifplugd(8)"),
    Habit {
        program: "in.tftpd",
        leaves: &["-l", "--listen"],
        stays: &["-L", "--foreground"],
        manual: "in.tftpd(8)",
    },
    goes("inetd", &["-f", "-d"], "inetd(8)"),
    goes(
        "irqbalance",
        &["-f", "--foreground", "-o", "--oneshot"],
        "irqbalance(1)",
    ),
    goes("iscsid", &["-f", "--foreground"], "iscsid(8)"),
    goes("keepalived", &["-n", "--dont-fork", "-t"], "keepalived(8)"),
    goes("klogd", &["-n"], "klogd(8)"),
    goes("lighttpd", &["-D", "-t", "-tt"], "lighttpd(8)"),
    goes("lldpd", &["-d"], "lldpd(8)"),
    told("mdadm", &["--daemonise"], "mdadm(8)"),
    Habit {
        program: "mdev",
        leaves: &["-d"],
        stays: &["-f"],
        manual: "busybox(1)",
    },
    told("memcached", &["-d"], "memcached(1)"),
    goes("mergerfs", &["-f", "-d"], "mergerfs(1)"),
    goes("mini_httpd", &["-D"], "mini_httpd(8)"),
    told("mosquitto", &["-d"], "mosquitto(8)"),
    goes("multipathd", &["-d", "-k"], "multipathd(8)"),
    goes("named", &["-f", "-g"], "named(8)"),
    goes(
        "nmbd",
        &["-F", "--foreground", "-i", "--interactive"],
        "nmbd(8)",
    ),
    goes("nscd", &["-F", "--foreground", "-d", "--debug"], "nscd(8)"),
    goes("ntpd", &["-n", "-q"], "ntpd(8)"),
    goes("pppd", &["nodetach", "-detach"], "pppd(8)"),
    goes("privoxy", &["--no-daemon"], "privoxy(8)"),
    goes(
        "radvd",
        &["-n", "--nodaemon", "-c", "--configtest"],
        "radvd(8)",
    ),
    goes("rngd", &["-f", "--foreground", "-l", "--list"], "rngd(8)"),
    goes("rpc.idmapd", &["-f"], "rpc.idmapd(8)"),
    goes("rpc.mountd", &["-F", "--foreground"], "rpc.mountd(8)"),
    goes(
        "rpc.statd",
        &["-F", "--foreground", "-d", "--no-syslog"],
        "rpc.statd(8)",
    ),
    goes("rpcbind", &["-f", "-d"], "rpcbind(8)"),
    goes("rsyslogd", &["-n"], "rsyslogd(8)"),
    goes("s3fs", &["-f", "-d"], "s3fs(1)"),
    goes("smartd", &["-n", "--no-fork", "-q"], "smartd(8)"),
    goes(
        "smbd",
        &["-F", "--foreground", "-i", "--interactive"],
        "smbd(8)",
    ),
    goes("snmpd", &["-f"], "snmpd(8)"),
    goes("squashfuse", &["-f", "-d"], "squashfuse(1)"),
    goes("squid", &["-N", "--foreground"], "squid(8)"),
    told("ssh", &["-f"], "ssh(1)"),
    goes("sshd", &["-D", "-d", "-i", "-t", "-T"], "sshd(8)"),
    goes("sshfs", &["-f", "-d"], "sshfs(1)"),
    told("start-stop-daemon", &["-b"], "start-stop-daemon(8)"),
    goes("syslog-ng", &["-F", "--foreground", "-s"], "syslog-ng(8)"),
    goes("syslogd", &["-n"], "syslogd(8)"),
    told("systemd-udevd", &["-d"], "systemd-udevd(8)"),
    goes("tayga", &["-d", "--nodetach"], "tayga(8)"),
    goes("telnetd", &["-F", "-i"], "telnetd(8)"),
    goes("thttpd", &["-D"], "thttpd(8)"),
    goes("tinyproxy", &["-d"], "tinyproxy(8)"),
    told("udevd", &["-d"], "udevd(8)"),
    goes(
        "udhcpc",
        &["-f", "--foreground", "-q", "--quit"],
        "udhcpc(8)",
    ),
    goes("udhcpd", &["-f"], "udhcpd(8)"),
    told("ulogd", &["-d"], "ulogd(8)"),
    goes("unbound", &["-d"], "unbound(8)"),
    goes("unionfs", &["-f", "-d"], "unionfs(8)"),
    goes("varnishd", &["-F", "-d", "-C"], "varnishd(1)"),
    goes("watchdog", &["-F", "--foreground"], "watchdog(8)"),
    goes(
        "winbindd",
        &["-F", "--foreground", "-i", "--interactive"],
        "winbindd(8)",
    ),
    told("wpa_supplicant", &["-B"], "wpa_supplicant(8)"),
    goes("xinetd", &["-dontfork"], "xinetd(8)"),
    goes("zabbix_agentd", &["-f", "--foreground"], "zabbix_agentd(8)"),
    goes("zcip", &["-f", "-q"], "zcip(8)"),
];

/// Arguments that send any program to the background, unless the next one says no.
const BACKGROUND: &[&str] = &[
    "--daemon",
    "--daemonize",
    "--daemonise",
    "--background",
    "--detach",
];

/// Whether the process that a daemon's command starts goes to the background, or ends because it sent something there.
pub fn daemonises_itself(command: &Command) -> Option<Daemonises> {
    match command {
        Command::Argv(argv) => daemonises(argv),
        Command::Shell(script) => {
            let (last, sent) = last_command(script)?;
            let words = shlex::split(last)?;
            let words: Vec<String> = words
                .into_iter()
                .skip_while(|word| word == "exec")
                .collect();
            match sent {
                Sent::Nowhere => daemonises(&words),
                Sent::ToBackground => Some(Daemonises {
                    program: base(words.first()?).to_owned(),
                    because: Some("&".to_owned()),
                    instead: None,
                    manual: None,
                }),
            }
        }
    }
}

fn daemonises(argv: &[String]) -> Option<Daemonises> {
    let words = without_busybox(argv);
    let (program, arguments) = words.split_first()?;
    let program = base(program);
    let finding = |because: Option<&String>, instead, manual| {
        Some(Daemonises {
            program: program.to_owned(),
            because: because.cloned(),
            instead,
            manual,
        })
    };
    let habit = HABITS.iter().find(|habit| habit.program == program);
    if let Some(because) = background(arguments) {
        return finding(Some(because), None, habit.map(|habit| habit.manual));
    }
    match program {
        "rfs" if arguments.iter().any(|word| word == "mount") => {
            let because = arguments.iter().find(|word| *word == "-d")?;
            return finding(Some(because), None, None);
        }
        "nginx" => {
            let stays = |word: &String| word.contains("daemon off") || word == "-t" || word == "-T";
            let goes = !arguments.iter().any(stays);
            return goes
                .then(|| finding(None, Some("-g 'daemon off;'"), Some("nginx(8)")))
                .flatten();
        }
        _ => {}
    }
    let habit = habit?;
    if arguments.iter().any(|word| is_given(word, habit.stays)) {
        return None;
    }
    let because = arguments.iter().find(|word| is_given(word, habit.leaves));
    if because.is_none() && !habit.leaves.is_empty() {
        return None;
    }
    finding(because, habit.stays.first().copied(), Some(habit.manual))
}

/// The first argument that sends any program to the background.
fn background(arguments: &[String]) -> Option<&String> {
    let is_refused = |at: usize| {
        let next = arguments.get(at + 1).map(String::as_str);
        matches!(next, Some("no" | "false" | "off" | "0"))
    };
    let mut words = arguments.iter().enumerate();
    let found = words.find(|(at, word)| BACKGROUND.contains(&word.as_str()) && !is_refused(*at));
    found.map(|(_, word)| word)
}

/// Whether a word is one of the arguments, alone or in a cluster of single letters such as `-fv`.
fn is_given(word: &str, arguments: &[&str]) -> bool {
    let letters = word.strip_prefix('-').filter(|rest| {
        !rest.starts_with('-') && rest.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    arguments.iter().any(|argument| {
        let letter = argument.strip_prefix('-').filter(|rest| rest.len() == 1);
        word == *argument
            || letter
                .zip(letters)
                .is_some_and(|(letter, letters)| letters.contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<Daemonises> {
        daemonises_itself(&Command::Argv(shlex::split(line).expect("closed quotes")))
    }

    #[test]
    fn the_table_is_in_order_and_names_manual_pages() {
        assert!(HABITS.is_sorted_by(|one, other| one.program < other.program));
        for habit in HABITS {
            let page = habit
                .manual
                .strip_suffix(')')
                .and_then(|page| page.split_once('('));
            assert!(
                page.is_some_and(|(_, section)| section.len() == 1),
                "{}",
                habit.manual
            );
            assert!(
                !habit.stays.is_empty() || !habit.leaves.is_empty(),
                "{}",
                habit.program
            );
        }
    }

    #[test]
    fn programs_that_leave_for_the_background_are_known() {
        for (line, instead) in [
            ("/usr/sbin/sshd -e", Some(Some("-D"))),
            ("/usr/sbin/sshd -eD", None),
            ("busybox httpd -h /srv", Some(Some("-f"))),
            ("busybox httpd -f -h /srv", None),
            ("udevd --daemon", Some(None)),
            ("udevd", None),
            ("rfs mount -d /x", Some(None)),
            ("rfs mount -m x /x", None),
            ("mdev -d", Some(Some("-f"))),
            ("mdev -df", None),
            ("udhcpc -i eth0 -f", None),
            ("nginx", Some(Some("-g 'daemon off;'"))),
            ("nginx -g 'daemon off;'", None),
            ("redis-server", None),
            ("redis-server --daemonize yes", Some(None)),
            ("redis-server --daemonize no", None),
            ("crond -L /dev/null", Some(Some("-f"))),
            ("dhcpcd eth0", Some(Some("-B"))),
            ("dnsmasq --conf-file=/x", Some(Some("-k"))),
            ("wpa_supplicant -Bi wlan0", Some(None)),
            ("wpa_supplicant -i wlan0", None),
            ("dbus-daemon --system", Some(Some("--nofork"))),
            ("dbus-daemon --session", None),
        ] {
            assert_eq!(found(line).map(|found| found.instead), instead, "{line}");
        }
        let sshd = found("sshd").expect("known");
        assert_eq!(sshd.manual, Some("sshd(8)"));
    }

    #[test]
    fn a_shell_is_judged_by_the_last_thing_it_does() {
        let found = |script: &str| {
            let found = daemonises_itself(&Command::Shell(script.to_owned()));
            found.map(|found| (found.program, found.because))
        };
        let sshd = || "sshd".to_owned();
        assert_eq!(
            found("mkdir -p /run/sshd && exec sshd -e"),
            Some((sshd(), None))
        );
        assert_eq!(found("sshd -e; sleep 1d"), None);
        assert_eq!(found("sshd -D &\n"), Some((sshd(), Some("&".to_owned()))));
        assert_eq!(found("sshd & crond & wait"), None);
        assert_eq!(found("while :; do sshd; done"), None);
    }
}
