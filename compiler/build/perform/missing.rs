//! What a failed command missed in its toolchain, and which package has it.

use crate::tools::{Family, packages};

/// The program or header whose absence a line tells.
fn absent(line: &str) -> Option<&str> {
    if let Some((_, rest)) = line.split_once("fatal error: ") {
        return rest.strip_suffix(": No such file or directory");
    }
    let before = ["not found", "No such file or directory"]
        .iter()
        .find_map(|end| line.trim_end().strip_suffix(end))?;
    let before = before
        .trim_end_matches("command ")
        .trim_end_matches([':', ' ']);
    // `/bin/sh: 1: flex`, `make[1]: flex`
    let program = before.rsplit([' ', ':']).next()?;
    (before.contains(": ") && !program.is_empty()).then(|| program.trim_matches(['\'', '`']))
}

/// Says what to install, where one of the lines tells of something missing that is known.
pub(super) fn advice(lines: &[String]) -> Option<String> {
    for line in lines {
        let Some(name) = absent(line) else { continue };
        let known = packages(name, Family::Debian).zip(packages(name, Family::Alpine));
        if let Some((debian, alpine)) = known {
            return Some(format!(
                "the toolchain has no `{name}`: install `{debian}` (Debian), or add `{alpine}` to its packages (Alpine)"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_read_from_the_words_of_shells_make_and_compilers() {
        for (line, name) in [
            ("/bin/sh: 1: flex: not found", Some("flex")),
            ("/bin/sh: flex: not found", Some("flex")),
            ("bash: line 1: bison: command not found", Some("bison")),
            ("make[1]: gcc: No such file or directory", Some("gcc")),
            (
                "elf.c:3:10: fatal error: gelf.h: No such file or directory",
                Some("gelf.h"),
            ),
            ("page not found", None),
            ("  CC      kernel/fork.o", None),
        ] {
            assert_eq!(absent(line), name, "{line}");
        }
        let advised = |line: &str| advice(&[line.to_owned()]).unwrap_or_default();
        assert!(
            advised("fatal error: openssl/bio.h: No such file or directory").contains("libssl-dev")
        );
        assert!(advised("/bin/sh: 1: bc: not found").contains("install `bc` (Debian)"));
        assert_eq!(advised("/bin/sh: 1: ./own: not found"), "");
    }
}
