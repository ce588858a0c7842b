//! How much memory this process may still take: what the machine has free, or what its control group leaves.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes of memory that are available, as far as the kernel says.
pub fn available_memory() -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|text| machine(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let groups = folders(&groups).into_iter().filter_map(|(folder, names)| {
        let file = |name: &str| read(folder.join(name));
        left(&file(names[0])?, &file(names[1])?, &file("memory.stat")?)
    });
    machine.into_iter().chain(groups).min()
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// `MemAvailable` of proc_meminfo(5).
fn machine(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The folders of a process's group and of those above it, with the names of limit and usage there: the second version's, and the first's.
fn folders(text: &str) -> Vec<(PathBuf, [&'static str; 2])> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, names) = match controllers {
            "" => (PathBuf::from(GROUPS), ["memory.max", "memory.current"]),
            _ if controllers.split(',').any(|name| name == "memory") => (
                Path::new(GROUPS).join("memory"),
                ["memory.limit_in_bytes", "memory.usage_in_bytes"],
            ),
            _ => continue,
        };
        let own = root.join(path.trim_start_matches('/'));
        let above = own
            .ancestors()
            .take_while(|folder| folder.starts_with(&root));
        found.extend(above.map(|folder| (folder.to_owned(), names)));
    }
    found
}

/// What a group leaves: its limit without what it uses; files that are only cached give way.
fn left(limit: &str, usage: &str, statistics: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let usage: u64 = usage.trim().parse().ok()?;
    let cached = statistics.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_cached = ["inactive_file", "total_inactive_file"].contains(&words.next()?);
        words.next().filter(|_| is_cached)?.parse::<u64>().ok()
    });
    Some(limit.saturating_sub(usage.saturating_sub(cached.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_its_groups_are_read() {
        assert_eq!(
            machine("MemTotal: 9 kB\nMemAvailable:     12 kB\n"),
            Some(12 << 10)
        );
        assert_eq!(machine("MemTotal: 9 kB\n"), None);
        assert_eq!(
            left("100\n", "70\n", "anon 1\ninactive_file 20\n"),
            Some(50)
        );
        assert_eq!(left("100\n", "170\n", ""), Some(0));
        assert_eq!(left("max\n", "70\n", ""), None);
    }

    #[test]
    fn every_group_above_counts() {
        let named = |text: &str| -> Vec<String> {
            let found = folders(text).into_iter();
            found
                .map(|(folder, names)| folder.join(names[0]).display().to_string())
                .collect()
        };
        assert_eq!(
            named("0::/a/b\n"),
            [
                "/sys/fs/cgroup/a/b/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            named("4:cpu,memory:/\n3:pids:/x\n"),
            ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
    }

    #[test]
    fn this_machine_says_something() {
        assert!(available_memory().is_none_or(|bytes| bytes > 0));
    }
}
