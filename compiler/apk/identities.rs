//! Owners by name, as the target's own `/etc/passwd` and `/etc/group` know them.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::tree::{ImagePath, Node, Store, Tree};

/// Account files larger than this are not read.
const LIMIT: u64 = 16 << 20;

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Database {
    /// `/etc/passwd`
    Users,
    /// `/etc/group`
    Groups,
}

impl Database {
    fn path(self) -> &'static str {
        match self {
            Self::Users => "/etc/passwd",
            Self::Groups => "/etc/group",
        }
    }
}

/// What has been looked up since the last script ran.
///
/// apk looks a name up when it first meets it and remembers the answer, a failure too, until it runs a script.
#[derive(Debug, Default)]
pub(super) struct Identities {
    known: BTreeMap<(Database, String), Option<u32>>,
}

impl Identities {
    /// The number of a name in this root, or `None` where it has none.
    pub(super) fn look_up(
        &mut self,
        database: Database,
        name: &str,
        root: &Tree,
        store: &Store,
    ) -> Result<Option<u32>, Diagnostic> {
        if name.is_empty() {
            return Ok(None);
        }
        let key = (database, name.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let number = find(&read(database, root, store)?, name);
        self.known.insert(key, number);
        Ok(number)
    }
}

fn read(database: Database, root: &Tree, store: &Store) -> Result<String, Diagnostic> {
    let path = ImagePath::new(database.path()).expect("a plain path");
    match root.resolve(&path).map(|(_, entry)| &entry.node) {
        Some(Node::File { digest, size }) if *size <= LIMIT => {
            Ok(String::from_utf8_lossy(&store.get(digest)?).into_owned())
        }
        _ => Ok(String::new()),
    }
}

/// The third field of the first line whose first field is the name; both files have it there.
fn find(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn names_have_the_number_of_their_first_line() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\n# no\nbroken\nchrony:x:100:101::/:\nchrony:x:7:7::/:\n";
        assert_eq!(find(text, "root"), Some(0));
        assert_eq!(find(text, "chrony"), Some(100));
        assert_eq!(find(text, "broken"), None);
        assert_eq!(find(text, "nobody"), None);
    }
}
