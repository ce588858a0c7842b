//! The `account` and `group` sections.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::manifest::accounts as written;
use crate::source::{Span, Spanned};
use crate::tree::ImagePath;

use super::{Account, Ctx, FileContent, FileRequest, Group, Password};

/// Key files are a few kilobytes.
const LARGEST_KEY_FILE: u64 = 1 << 20;

/// Resolves the sections; files with authorized keys are added to `requests`.
pub(super) fn resolve(
    ctx: &mut Ctx<'_>,
    requests: &mut Vec<FileRequest>,
) -> (Vec<Account>, Vec<Group>) {
    let manifest = ctx.manifest;
    let mut names = Met::default();
    let mut accounts = Vec::new();
    for account in &manifest.account {
        if !names.meet(ctx, "accounts", &account.name, account.uid.as_ref()) {
            continue;
        }
        fields(ctx, account);
        requests.extend(authorized_keys(ctx, account));
        let text =
            |value: &Option<Spanned<String>>| value.as_ref().map(|value| value.value.clone());
        accounts.push(Account {
            name: account.name.clone(),
            uid: account.uid.as_ref().map(|uid| uid.value),
            gid: account.gid.as_ref().map(|gid| gid.value),
            password: password(ctx, account),
            shell: text(&account.shell),
            home: text(&account.home),
            title: text(&account.title),
            groups: account
                .groups
                .iter()
                .map(|group| group.value.clone())
                .collect(),
        });
    }
    let mut names = Met::default();
    let mut groups = Vec::new();
    for group in &manifest.group {
        if names.meet(ctx, "groups", &group.name, group.gid.as_ref()) {
            groups.push(Group {
                name: group.name.clone(),
                gid: group.gid.as_ref().map(|gid| gid.value),
            });
        }
    }
    (accounts, groups)
}

/// Names and numbers that are taken.
#[derive(Default)]
struct Met {
    names: BTreeMap<String, Span>,
    numbers: BTreeMap<u32, Span>,
}

impl Met {
    /// Notes a name and its number; `false` where the name is taken.
    fn meet(
        &mut self,
        ctx: &mut Ctx<'_>,
        what: &str,
        name: &Spanned<String>,
        number: Option<&Spanned<u32>>,
    ) -> bool {
        if let Some(number) = number
            && let Some(earlier) = self.numbers.insert(number.value, number.span)
        {
            let message = format!("two {what} have the number {}", number.value);
            ctx.clash(
                "zosc::check::duplicate-number",
                message,
                number.span,
                earlier,
                "give one of them another number",
            );
        }
        if let Some(earlier) = self.names.insert(name.value.clone(), name.span) {
            ctx.namesakes(what, name, earlier);
            return false;
        }
        true
    }
}

/// `/etc/passwd` separates fields with `:` and accounts with line ends.
fn fields(ctx: &mut Ctx<'_>, account: &written::Account) {
    let fields = [
        &account.shell,
        &account.home,
        &account.title,
        &account.password_hash,
    ];
    for field in fields.into_iter().flatten() {
        if field.contains(':') || field.chars().any(char::is_control) {
            bad(
                ctx,
                field.span,
                "`/etc/passwd` can hold neither `:` nor line ends inside a field",
                "write it without",
            );
        }
    }
    for path in [&account.shell, &account.home].into_iter().flatten() {
        ctx.image_path(path);
    }
}

fn bad(ctx: &mut Ctx<'_>, span: Span, message: &str, help: &str) {
    ctx.push(
        Diagnostic::error("zosc::check::bad-account", message)
            .at(span)
            .help(help),
    );
}

fn password(ctx: &mut Ctx<'_>, account: &written::Account) -> Password {
    let Some(hash) = &account.password_hash else {
        return if account.open().is_some() {
            Password::Empty
        } else {
            Password::Unchanged
        };
    };
    if account.open().is_some() {
        bad(
            ctx,
            hash.span,
            "the account is passwordless and has a password",
            "keep one of `passwordless` and `password-hash`",
        );
    }
    // `$id$salt$hash`, or locked.
    let is_hash = hash.matches('$').count() >= 3 && hash.starts_with('$')
        || matches!(hash.as_str(), "!" | "*");
    if !is_hash {
        bad(
            ctx,
            hash.span,
            "this is no hash of a password",
            "write what `mkpasswd -m sha-512` prints; a password itself has no place in a manifest",
        );
    }
    Password::Hash(hash.value.clone())
}

/// The file by which the SSH server knows who may log in.
fn authorized_keys(ctx: &mut Ctx<'_>, account: &written::Account) -> Option<FileRequest> {
    let first = account.authorized_keys.first()?;
    let name = account.name.as_str();
    let uid = match (&account.uid, name) {
        (Some(uid), _) => uid.value,
        (None, "root") => 0,
        (None, _) => {
            let message =
                format!("the keys of `{name}` need to belong to it, and it has no number");
            bad(
                ctx,
                first.span,
                &message,
                &format!("write `account {name} uid=1000`"),
            );
            return None;
        }
    };
    let mut text = String::new();
    for path in &account.authorized_keys {
        text.push_str(&public_keys(ctx, path)?);
    }
    let home = match (&account.home, name) {
        (Some(home), _) => home.value.clone(),
        (None, "root") => "/root".to_owned(),
        (None, _) => format!("/home/{name}"),
    };
    let path = ImagePath::new(&format!("{home}/.ssh/authorized_keys")).ok()?;
    let to = Spanned::new(path, first.span);
    ctx.claim(&to, &format!("the keys of account `{name}`"));
    Some(FileRequest {
        to,
        content: FileContent::Bytes(text.as_bytes().into()),
        mode: 0o600,
        uid,
        gid: account.gid.as_ref().map_or(uid, |gid| gid.value),
    })
}

fn public_keys(ctx: &mut Ctx<'_>, path: &Spanned<String>) -> Option<String> {
    let bytes = ctx.read(path, LARGEST_KEY_FILE)?;
    let text = String::from_utf8(bytes).ok();
    let fault = match text.as_deref() {
        Some(text) if text.contains("PRIVATE KEY-----") => "it holds a private key",
        Some(text) if text.lines().any(is_public_key) => {
            return Some(format!("{}\n", text.trim_end()));
        }
        _ => "it holds no public SSH key",
    };
    ctx.push(
        Diagnostic::error(
            "zosc::check::bad-key",
            format!("`{}` lets nobody in: {fault}", path.value),
        )
        .at(path.span)
        .help("name a file such as `id_ed25519.pub`, with one key a line"),
    );
    None
}

/// Whether a line of an `authorized_keys` file holds a key, with or without options before it.
fn is_public_key(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with('#')
        && line
            .split_whitespace()
            .zip(line.split_whitespace().skip(1))
            .any(|(kind, key)| {
                let known = kind.starts_with("ssh-")
                    || kind.starts_with("ecdsa-sha2-")
                    || kind.starts_with("sk-ssh-")
                    || kind.starts_with("sk-ecdsa-");
                known && key.starts_with("AAAA")
            })
}
