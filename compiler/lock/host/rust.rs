//! Where this machine has a release of Rust.

/// Where a release of Rust is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rust {
    /// It is the one that is found first; what it says of itself.
    Own(String),
    /// rustup keeps it under this name.
    Kept(String),
}

impl Rust {
    /// Looks for a release, by what programs say: `ask` starts one with arguments, and has its output where it succeeds.
    pub fn find(release: &str, ask: &dyn Fn(&str, &[&str]) -> Option<String>) -> Option<Self> {
        let is_it = |text: &str| {
            let rest = text.strip_prefix(release);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', ' ']))
        };
        let own = ask("rustc", &["-V"]).unwrap_or_default();
        if own.strip_prefix("rustc ").is_some_and(is_it) {
            return Some(Self::Own(own.trim().to_owned()));
        }
        let list = ask("rustup", &["toolchain", "list"])?;
        let names = list.lines().filter_map(|line| line.split(' ').next());
        // Of several patch releases the newest.
        let newest = names.filter(|name| is_it(name)).max_by_key(|name| {
            name.split(['.', '-'])
                .map(|part| part.parse().unwrap_or(0))
                .collect::<Vec<u32>>()
        });
        newest.map(|name| Self::Kept(name.to_owned()))
    }

    /// The command that asks its compiler something.
    pub fn question<'q>(&'q self, arguments: &[&'q str]) -> (&'static str, Vec<&'q str>) {
        match self {
            Self::Own(_) => ("rustc", arguments.to_vec()),
            Self::Kept(name) => ("rustup", [&["run", name, "rustc"], arguments].concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_the_machine_s_own_or_the_newest_of_rustup_s() {
        let ask = |program: &str, arguments: &[&str]| match (program, arguments) {
            ("rustc", ["-V"]) => Some("rustc 1.95.1 (abc 2026-05-01)\n".to_owned()),
            ("rustup", ["toolchain", "list"]) => Some(
                "1.9.0-x\n1.90.9-x (default)\n1.90.10-x\n1.90.2-x\nstable-x (active)\n".to_owned(),
            ),
            _ => None,
        };
        let own = Rust::find("1.95", &ask).expect("there");
        assert_eq!(own, Rust::Own("rustc 1.95.1 (abc 2026-05-01)".to_owned()));
        assert_eq!(own.question(&["-vV"]), ("rustc", vec!["-vV"]));
        let kept = Rust::find("1.90", &ask).expect("there");
        assert_eq!(kept, Rust::Kept("1.90.10-x".to_owned()));
        assert_eq!(
            kept.question(&["-vV"]),
            ("rustup", vec!["run", "1.90.10-x", "rustc", "-vV"])
        );
        assert_eq!(
            Rust::find("1.9", &ask),
            Some(Rust::Kept("1.9.0-x".to_owned()))
        );
        assert_eq!(Rust::find("1.8", &ask), None);
        assert_eq!(Rust::find("1.95", &|_, _| None), None);
    }
}
