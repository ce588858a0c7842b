//! Which ids of the host stand behind the sandbox's.
//!
//! Root of the host maps every id to itself. An ordinary user maps root to itself and, where accounts are needed, 1 to
//! 65535 to its subordinate ids (`/etc/subuid`, `/etc/subgid`) with the help of `newuidmap` and `newgidmap`, the two
//! programs that the system provides for this.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Pid;

use super::{Ground, Identity, refusal};
use crate::diagnostic::Diagnostic;
use crate::io;

/// How many subordinate ids a full map takes: all of 1 to 65535.
const ACCOUNTS: u32 = 65_535;

/// Where the ids behind 1 to 65535 begin when a container's root maps them: far above those that systems give out.
///
/// Files bear them only while a command runs.
const BORROWED: u32 = 1 << 30;

/// Maps the ids of a process that waits in a new user namespace, where it is in one.
pub(super) fn map(pid: Pid, identity: Identity, ground: Ground) -> Result<(), Diagnostic> {
    if !ground.needs_users() {
        return Ok(());
    }
    if let Ground::Container {
        owner: (user, group),
        ..
    } = ground
    {
        let lines = |own| format!("0 {own} 1\n1 {BORROWED} {ACCOUNTS}\n");
        write(pid, "uid_map", &lines(user))?;
        return write(pid, "gid_map", &lines(group));
    }
    if rustix::process::geteuid().is_root() {
        let same = |kind: &str| -> Result<String, Diagnostic> {
            let own = read(&format!("/proc/self/{kind}_map"))?;
            Ok(identical(&own))
        };
        write(pid, "uid_map", &same("uid")?)?;
        return write(pid, "gid_map", &same("gid")?);
    }
    match identity {
        Identity::Root => {
            let user = rustix::process::geteuid().as_raw();
            let group = rustix::process::getegid().as_raw();
            write(pid, "uid_map", &format!("0 {user} 1\n"))?;
            write(pid, "setgroups", "deny")?;
            write(pid, "gid_map", &format!("0 {group} 1\n"))
        }
        Identity::Accounts => {
            map_accounts(
                pid,
                "newuidmap",
                "/etc/subuid",
                rustix::process::geteuid().as_raw(),
            )?;
            map_accounts(
                pid,
                "newgidmap",
                "/etc/subgid",
                rustix::process::getegid().as_raw(),
            )
        }
    }
}

/// Every extent that this process sees, mapped to itself.
fn identical(own: &str) -> String {
    own.lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (inside, count) = (fields.next()?, fields.nth(1)?);
            Some(format!("{inside} {inside} {count}\n"))
        })
        .collect()
}

fn map_accounts(pid: Pid, helper: &str, table: &str, own: u32) -> Result<(), Diagnostic> {
    let start = subordinate_ids(table)?;
    let program = find(helper).ok_or_else(|| refusal::no_map_helper(helper))?;
    let output = Command::new(program)
        .arg(pid.as_raw_nonzero().to_string())
        .args(["0", &own.to_string(), "1"])
        .args(["1", &start.to_string(), &ACCOUNTS.to_string()])
        .output()
        .map_err(|_| refusal::no_map_helper(helper))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(refusal::map_refused(helper, said.trim()))
}

/// Where the subordinate ids of this user begin, by a table of the host.
pub(in crate::build) fn subordinate_ids(table: &str) -> Result<u32, Diagnostic> {
    let content = fs::read_to_string(table).unwrap_or_default();
    let uid = rustix::process::geteuid().as_raw();
    let name = user_name(&fs::read_to_string("/etc/passwd").unwrap_or_default(), uid);
    subordinate(&content, name.as_deref(), uid).ok_or_else(|| {
        let user = name.unwrap_or_else(|| uid.to_string());
        refusal::no_subordinate_ids(&user, table)
    })
}

/// The first id of a large enough range of this user's, in the format of subuid(5).
fn subordinate(table: &str, name: Option<&str>, uid: u32) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let user = fields.next()?;
        let start = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let ours = Some(user) == name || user == uid.to_string();
        (ours && count >= ACCOUNTS).then_some(start)
    })
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    })
}

fn find(program: &str) -> Option<PathBuf> {
    let path = io::environment("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/bin", "/bin"])
        .map(|folder| PathBuf::from(folder).join(program))
        .find(|file| file.is_absolute() && file.is_file())
}

fn read(path: &str) -> Result<String, Diagnostic> {
    fs::read_to_string(path).map_err(|error| refusal::namespaces(&error))
}

fn write(pid: Pid, file: &str, content: &str) -> Result<(), Diagnostic> {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    fs::write(path, content).map_err(|error| refusal::namespaces(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_id_maps_to_itself() {
        let own = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(identical(own), "0 0 1\n1 1 65536\n");
    }

    #[test]
    fn subordinate_ranges_are_found_by_name_or_number() {
        let table = "anna:100000:65536\n1001:300000:65536\nanna:5:10\n";
        assert_eq!(subordinate(table, Some("anna"), 1000), Some(100_000));
        assert_eq!(subordinate(table, None, 1001), Some(300_000));
        assert_eq!(subordinate(table, Some("bert"), 1002), None);
        assert_eq!(subordinate("anna:5:10\n", Some("anna"), 1000), None);
    }

    #[test]
    fn users_are_found_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        assert_eq!(user_name(passwd, 1000).as_deref(), Some("anna"));
        assert_eq!(user_name(passwd, 7), None);
    }
}
