//! Go modules: what was downloaded of them, and what a `vendor` folder holds.

/// A module that comes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedModule {
    /// Its path, such as `golang.org/x/sys`.
    pub path: String,
    /// Its version.
    pub version: String,
}

/// The module whose archive stands at this path of a module proxy: `github.com/!x/y/@v/v1.0.0.zip`.
pub fn module_of_archive(path: &str) -> Option<LockedModule> {
    let (module, version) = path.trim_start_matches('/').split_once("/@v/")?;
    Some(LockedModule {
        path: unescaped(module)?,
        version: unescaped(version.strip_suffix(".zip")?)?,
    })
}

/// Capitals are written as `!` and the small letter, for file systems that know no difference.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '!' {
            characters.next()?.to_ascii_uppercase()
        } else {
            character
        });
    }
    Some(plain)
}

/// The modules that the text of a `vendor/modules.txt` names; a replaced one counts as what it is replaced by.
pub fn vendored_modules(text: &str) -> Vec<LockedModule> {
    let module = |line: &str| {
        let line = line.strip_prefix("# ")?;
        let named = line
            .split_once(" => ")
            .map_or(line, |(_, replacement)| replacement);
        let (path, version) = named.split_once(' ')?;
        Some(LockedModule {
            path: path.to_owned(),
            version: version.trim().to_owned(),
        })
    };
    let mut found: Vec<_> = text.lines().filter_map(module).collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, version: &str) -> LockedModule {
        LockedModule {
            path: path.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn modules_are_named_by_their_archives_and_by_vendor_folders() {
        assert_eq!(
            module_of_archive("/github.com/!burnt!sushi/toml/@v/v1.0.0+incompatible.zip"),
            Some(module("github.com/BurntSushi/toml", "v1.0.0+incompatible"))
        );
        assert_eq!(module_of_archive("/golang.org/x/sys/@v/v0.1.0.mod"), None);
        let text = "# b.example/b v1.2.0\n## explicit; go 1.20\nb.example/b/sub\n# a.example/a v1.0.0 => c.example/c v1.1.0\n# d.example/d => ./d\n";
        assert_eq!(
            vendored_modules(text),
            [
                module("b.example/b", "v1.2.0"),
                module("c.example/c", "v1.1.0")
            ]
        );
    }
}
