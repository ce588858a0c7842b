//! Accounts and groups: edits of `/etc/passwd`, `/etc/group` and `/etc/shadow` as passwd(5), group(5) and shadow(5) describe them.
//!
//! A password lives in `/etc/shadow` alone: an empty field there is what lets someone in without one, whatever
//! `/etc/passwd` says.

use crate::diagnostic::Diagnostic;
use crate::plan::{AccountEdit, GroupEdit};
use crate::tree::{Entry, ImagePath, Node, Origin, Store, Tree};

/// The first number for people's accounts and groups, as Alpine's adduser has it.
const FIRST_FREE: u32 = 1000;
/// Alpine's group `shadow`, which may read the file.
const SHADOW_GROUP: u32 = 42;

/// Adds and changes groups, then accounts; home folders of new accounts are made.
///
/// # Errors
/// A further group that does not exist, a number that is taken, no number left, a database that is no text.
pub(super) fn accounts(
    mut root: Tree,
    store: &Store,
    groups: &[GroupEdit],
    accounts: &[AccountEdit],
    epoch: u64,
) -> Result<Tree, Diagnostic> {
    let mut databases = Databases {
        passwd: Table::read(&root, store, "/etc/passwd")?,
        group: Table::read(&root, store, "/etc/group")?,
        shadow: Table::read(&root, store, "/etc/shadow")?,
    };
    for group in groups {
        databases.edit_group(&group.name, group.gid)?;
    }
    for account in accounts {
        let home = databases.edit_account(account)?;
        make_home(&mut root, home, epoch)?;
    }
    databases.passwd.write(&mut root, store, 0o644, 0, epoch)?;
    databases.group.write(&mut root, store, 0o644, 0, epoch)?;
    databases
        .shadow
        .write(&mut root, store, 0o640, SHADOW_GROUP, epoch)?;
    Ok(root)
}

/// A new account's home folder.
struct Home {
    path: String,
    uid: u32,
    gid: u32,
}

fn make_home(root: &mut Tree, home: Option<Home>, epoch: u64) -> Result<(), Diagnostic> {
    let Some(home) = home else { return Ok(()) };
    let path = ImagePath::new(&home.path).map_err(|error| {
        Diagnostic::error(
            "zosc::build::bad-path",
            format!("the home folder `{}`: {error}", home.path),
        )
    })?;
    if root.resolve(&path).is_none() {
        let entry = Entry::directory(0o755, epoch, Origin::new("accounts home"))
            .owned_by(home.uid, home.gid);
        root.insert_with_parents(path, entry);
    }
    Ok(())
}

struct Databases {
    passwd: Table,
    group: Table,
    shadow: Table,
}

impl Databases {
    fn edit_group(&mut self, name: &str, gid: Option<u32>) -> Result<u32, Diagnostic> {
        if let Some(number) = self.group.number(name) {
            let Some(gid) = gid.filter(|gid| *gid != number) else {
                return Ok(number);
            };
            self.group.refuse_taken(gid, name)?;
            self.group.set(name, 2, &gid.to_string());
            return Ok(gid);
        }
        let gid = self.group.free(gid, name)?;
        self.group.rows.push(vec![
            name.to_owned(),
            "x".into(),
            gid.to_string(),
            String::new(),
        ]);
        Ok(gid)
    }

    /// Returns the home folder to make, where the account is new.
    fn edit_account(&mut self, account: &AccountEdit) -> Result<Option<Home>, Diagnostic> {
        let name = &account.name;
        let home = if self.passwd.row(name).is_some() {
            self.change_account(account)?;
            None
        } else {
            Some(self.add_account(account)?)
        };
        for group in &account.groups {
            self.join(group, name)?;
        }
        if self.shadow.row(name).is_none() {
            let mut row = vec![name.clone(), "!".into(), String::new(), "0".into()];
            row.resize(9, String::new());
            self.shadow.rows.push(row);
        }
        if let Some(password) = &account.password {
            self.shadow.set(name, 1, password);
        }
        self.passwd.set(name, 1, "x");
        Ok(home)
    }

    fn change_account(&mut self, account: &AccountEdit) -> Result<(), Diagnostic> {
        let name = &account.name;
        if let Some(uid) = account
            .uid
            .filter(|uid| self.passwd.number(name) != Some(*uid))
        {
            self.passwd.refuse_taken(uid, name)?;
            self.passwd.set(name, 2, &uid.to_string());
        }
        if let Some(gid) = account.gid {
            self.passwd.set(name, 3, &gid.to_string());
        }
        for (field, value) in [(4, &account.title), (5, &account.home), (6, &account.shell)] {
            if let Some(value) = value {
                self.passwd.set(name, field, value);
            }
        }
        Ok(())
    }

    fn add_account(&mut self, account: &AccountEdit) -> Result<Home, Diagnostic> {
        let name = &account.name;
        let uid = self.passwd.free(account.uid, name)?;
        let gid = match account.gid.or_else(|| self.group.number(name)) {
            Some(gid) => gid,
            None => self.edit_group(name, Some(uid).filter(|uid| !self.group.taken(*uid)))?,
        };
        let path = account
            .home
            .clone()
            .unwrap_or_else(|| format!("/home/{name}"));
        self.passwd.rows.push(vec![
            name.clone(),
            "x".into(),
            uid.to_string(),
            gid.to_string(),
            account.title.clone().unwrap_or_default(),
            path.clone(),
            account.shell.clone().unwrap_or_else(|| "/bin/sh".into()),
        ]);
        Ok(Home { path, uid, gid })
    }

    fn join(&mut self, group: &str, name: &str) -> Result<(), Diagnostic> {
        let Some(row) = self
            .group
            .rows
            .iter_mut()
            .find(|row| row.first().is_some_and(|first| first == group))
        else {
            let near = crate::diagnostic::nearest(group, self.group.names());
            let help = near.map_or_else(
                || format!("add `group {group}` to the manifest"),
                |near| {
                    format!("did you mean `{near}`? otherwise add `group {group}` to the manifest")
                },
            );
            return Err(Diagnostic::error(
                "zosc::build::unknown-group",
                format!("`{name}` is to be in the group `{group}`, which the image does not have"),
            )
            .help(help));
        };
        row.resize(row.len().max(4), String::new());
        if !row[3].split(',').any(|member| member == name) {
            row[3] = if row[3].is_empty() {
                name.to_owned()
            } else {
                format!("{},{name}", row[3])
            };
        }
        Ok(())
    }
}

/// A file of rows of colon-separated fields, the first of which is a name and, but for shadow, the third a number.
struct Table {
    path: ImagePath,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(root: &Tree, store: &Store, path: &str) -> Result<Self, Diagnostic> {
        let path = ImagePath::new(path).expect("a literal path is a sound one");
        let Some((
            path,
            Entry {
                node: Node::File { digest, .. },
                ..
            },
        )) = root.resolve(&path)
        else {
            return Ok(Self {
                path,
                rows: Vec::new(),
            });
        };
        let text = String::from_utf8(store.get(digest)?).map_err(|_| {
            Diagnostic::error(
                "zosc::build::bad-accounts",
                format!("`{path}` is not text, so accounts cannot be added"),
            )
            .help("see which package or `file` node put it there, and mend it")
        })?;
        let rows = text.lines().filter(|line| !line.is_empty());
        Ok(Self {
            path,
            rows: rows
                .map(|line| line.split(':').map(str::to_owned).collect())
                .collect(),
        })
    }

    fn write(
        self,
        root: &mut Tree,
        store: &Store,
        mode: u32,
        gid: u32,
        epoch: u64,
    ) -> Result<(), Diagnostic> {
        let text: Vec<String> = self.rows.iter().map(|row| row.join(":") + "\n").collect();
        let text = text.concat();
        let digest = store.put(text.as_bytes())?;
        let old = root.get(&self.path).map(|old| (old.mode, old.uid, old.gid));
        let (mode, uid, gid) = old.unwrap_or((mode, 0, gid));
        let origin = Origin::new(format!("accounts {}", self.path.file_name()));
        let entry = Entry::file(digest, text.len() as u64, mode, epoch, origin).owned_by(uid, gid);
        root.insert_with_parents(self.path, entry);
        Ok(())
    }

    fn row(&self, name: &str) -> Option<&Vec<String>> {
        self.rows
            .iter()
            .find(|row| row.first().is_some_and(|first| first == name))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(|row| row.first().map(String::as_str))
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.row(name)?.get(2)?.parse().ok()
    }

    fn set(&mut self, name: &str, field: usize, value: &str) {
        if let Some(row) = self
            .rows
            .iter_mut()
            .find(|row| row.first().is_some_and(|first| first == name))
        {
            row.resize(row.len().max(field + 1), String::new());
            value.clone_into(&mut row[field]);
        }
    }

    fn taken(&self, number: u32) -> bool {
        self.rows
            .iter()
            .any(|row| row.get(2).and_then(|field| field.parse().ok()) == Some(number))
    }

    fn refuse_taken(&self, number: u32, name: &str) -> Result<(), Diagnostic> {
        let holder = self
            .rows
            .iter()
            .find(|row| row.get(2).and_then(|field| field.parse().ok()) == Some(number));
        match holder.and_then(|row| row.first()) {
            Some(holder) if holder != name => Err(Diagnostic::error(
                "zosc::build::number-taken",
                format!(
                    "`{name}` is to have the number {number} in `{}`, which is `{holder}`'s",
                    self.path
                ),
            )
            .help("choose another number, or leave it out to get the first free one")),
            _ => Ok(()),
        }
    }

    /// The wanted number if it is free, else the first free one for people.
    fn free(&self, wanted: Option<u32>, name: &str) -> Result<u32, Diagnostic> {
        if let Some(wanted) = wanted {
            self.refuse_taken(wanted, name)?;
            return Ok(wanted);
        }
        (FIRST_FREE..60_000)
            .find(|number| !self.taken(*number))
            .ok_or_else(|| {
                Diagnostic::error(
                    "zosc::build::number-taken",
                    format!("`{}` has no free number for `{name}`", self.path),
                )
                .help("give it a number of its own")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("opens");
        (folder, store)
    }

    fn root(store: &Store, files: &[(&str, &str)]) -> Tree {
        let mut root = Tree::new();
        for (path, text) in files {
            let digest = store.put(text.as_bytes()).expect("stored");
            let entry = Entry::file(
                digest,
                text.len() as u64,
                0o600,
                0,
                Origin::new("package baselayout"),
            );
            root.insert_with_parents(ImagePath::new(path).expect("sound"), entry);
        }
        root
    }

    fn text(root: &Tree, store: &Store, path: &str) -> String {
        let Some(Entry {
            node: Node::File { digest, .. },
            ..
        }) = root.get(&ImagePath::new(path).expect("sound"))
        else {
            panic!("{path} is a file");
        };
        String::from_utf8(store.get(digest).expect("there")).expect("text")
    }

    fn account(name: &str) -> AccountEdit {
        AccountEdit {
            name: name.into(),
            uid: None,
            gid: None,
            password: None,
            shell: None,
            home: None,
            title: None,
            groups: Vec::new(),
        }
    }

    #[test]
    fn passwordless_means_an_empty_field_in_shadow() {
        let (_folder, store) = store();
        let root = root(
            &store,
            &[
                ("/etc/passwd", "root:*:0:0:root:/root:/bin/ash\n"),
                ("/etc/shadow", "root:*::0:::::\nbin:!::0:::::\n"),
            ],
        );
        let edit = AccountEdit {
            password: Some(String::new()),
            ..account("root")
        };
        let root = accounts(root, &store, &[], &[edit], 7).expect("edits");
        assert_eq!(
            text(&root, &store, "/etc/shadow"),
            "root:::0:::::\nbin:!::0:::::\n"
        );
        assert_eq!(
            text(&root, &store, "/etc/passwd"),
            "root:x:0:0:root:/root:/bin/ash\n"
        );
        assert_eq!(
            root.get(&ImagePath::new("/etc/shadow").expect("sound"))
                .map(|entry| entry.mode),
            Some(0o600)
        );
    }

    #[test]
    fn a_new_account_is_locked_and_has_group_and_home() {
        let (_folder, store) = store();
        let root = root(
            &store,
            &[
                ("/etc/passwd", "a:x:1000:1000::/:/x\n"),
                ("/etc/group", "wheel:x:10:root\n"),
            ],
        );
        let edit = AccountEdit {
            groups: vec!["wheel".into()],
            ..account("ops")
        };
        let root = accounts(root, &store, &[], &[edit], 7).expect("edits");
        assert_eq!(
            text(&root, &store, "/etc/passwd"),
            "a:x:1000:1000::/:/x\nops:x:1001:1001::/home/ops:/bin/sh\n"
        );
        assert_eq!(
            text(&root, &store, "/etc/group"),
            "wheel:x:10:root,ops\nops:x:1001:\n"
        );
        assert_eq!(text(&root, &store, "/etc/shadow"), "ops:!::0:::::\n");
        let home = root
            .get(&ImagePath::new("/home/ops").expect("sound"))
            .expect("made");
        assert_eq!((home.uid, home.gid), (1001, 1001));
    }

    #[test]
    fn a_taken_number_and_an_unknown_group_are_refused() {
        let (_folder, store) = store();
        let root = root(
            &store,
            &[
                ("/etc/passwd", "a:x:1000:1000::/:/x\n"),
                ("/etc/group", "wheel:x:10:\n"),
            ],
        );
        let taken = AccountEdit {
            uid: Some(1000),
            ..account("b")
        };
        let refused = accounts(root.clone(), &store, &[], &[taken], 0).expect_err("taken");
        assert_eq!(refused.code, "zosc::build::number-taken");
        let unknown = AccountEdit {
            groups: vec!["wheell".into()],
            ..account("b")
        };
        let refused = accounts(root, &store, &[], &[unknown], 0).expect_err("unknown");
        assert!(refused.help.is_some_and(|help| help.contains("`wheel`")));
    }
}
