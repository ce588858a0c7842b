//! What the manifest itself puts into the image: base folders, units, branding, accounts, files, overlays.

use crate::check::{FileContent, FileRequest, Image, Password, boot_report};
use crate::tree::{Digest, ImagePath};
use crate::zinit;

use super::lower::{Lowering, fixed};
use super::{AccountEdit, Action, FileBody, GroupEdit, Input, OwnedFile, Stage};

/// Folders and devices that the kernel and `/init` need before anything is mounted.
///
/// Linux opens `/dev/console` for the first process before that process can mount anything.
pub(super) fn base(lowering: &mut Lowering<'_>) -> Input {
    let node = |path, body, mode| OwnedFile {
        path: fixed(path),
        body,
        mode,
        uid: 0,
        gid: 0,
        origin: "zosc base".to_owned(),
    };
    let files = vec![
        node("/dev", FileBody::Directory, 0o755),
        node("/dev/console", FileBody::CharDevice(5, 1), 0o600),
        node("/dev/null", FileBody::CharDevice(1, 3), 0o666),
        node("/etc", FileBody::Directory, 0o755),
        node("/proc", FileBody::Directory, 0o555),
        node("/root", FileBody::Directory, 0o700),
        node("/run", FileBody::Directory, 0o755),
        node("/sys", FileBody::Directory, 0o555),
        node("/tmp", FileBody::Directory, 0o1777),
    ];
    let action = Action::WriteFiles {
        files,
        epoch: lowering.inputs.epoch,
    };
    lowering
        .plan
        .add(Stage::InitScript, "base folders", None, action)
}

/// The unit files of the image's dialect.
pub(super) fn units(lowering: &mut Lowering<'_>) -> Option<Input> {
    let dialect = lowering.image.dialect?;
    let units: Vec<zinit::Unit> = lowering
        .image
        .units
        .iter()
        .map(|unit| unit.unit.clone())
        .collect();
    let lowered = zinit::lower(&units, dialect);
    if lowered.files.is_empty() {
        return None;
    }
    let files = lowered.files.into_iter().map(|file| OwnedFile {
        path: fixed(&file.path),
        body: FileBody::Text(file.text),
        mode: 0o644,
        uid: 0,
        gid: 0,
        origin: format!("unit {}", file.unit),
    });
    let action = Action::WriteFiles {
        files: files.collect(),
        epoch: lowering.inputs.epoch,
    };
    let written = lowering
        .plan
        .add(Stage::ZinitSetup, "write units", None, action);
    for unit in &units {
        for (field, value) in fields(unit) {
            let subject = format!("unit {}", unit.name);
            lowering.plan.say(written, &subject, field, value);
        }
    }
    Some(written)
}

/// A unit by the words that the manifest has for it, as far as something is said.
fn fields(unit: &zinit::Unit) -> Vec<(&'static str, String)> {
    let (name, command) = match &unit.command {
        Some(zinit::Command::Argv(argv)) => ("exec", zinit::quote_all(argv)),
        Some(zinit::Command::Shell(script)) => ("shell", script.clone()),
        None => ("exec", String::new()),
    };
    let said = |is_said: bool, value: String| if is_said { value } else { String::new() };
    let probed = unit.probe.is_some() || unit.start_timeout.is_some();
    let probe = format!("{:?} {:?}", unit.probe, unit.start_timeout);
    let stops = unit.stop_signal.is_some() || unit.stop_timeout.is_some();
    let stop = format!("{:?} {:?}", unit.stop_signal, unit.stop_timeout);
    let restarts = unit.restart != zinit::Restart::default();
    let logs = unit.log != zinit::Log::default();
    let fields = [
        (name, command),
        ("kind", unit.kind.name().to_owned()),
        ("requires", unit.requires.join(" ")),
        ("after", unit.after.join(" ")),
        ("wants", unit.wants.join(" ")),
        ("conflicts", unit.conflicts.join(" ")),
        ("test", said(probed, probe)),
        ("restart", said(restarts, format!("{:?}", unit.restart))),
        ("stop", said(stops, stop)),
        ("log", said(logs, format!("{:?}", unit.log))),
        (
            "env",
            said(
                !unit.environment.is_empty(),
                format!("{:?}", unit.environment),
            ),
        ),
        ("dir", unit.directory.clone().unwrap_or_default()),
    ];
    let fields = fields.into_iter();
    fields.filter(|(_, value)| !value.is_empty()).collect()
}

/// Programs that units start, with the unit's name: paths, or names.
pub(super) fn programs(image: &Image) -> Vec<(String, String)> {
    let mut programs: Vec<(String, String)> = image
        .units
        .iter()
        .filter_map(|unit| match &unit.unit.command {
            Some(zinit::Command::Argv(argv)) => {
                let program = argv.first()?;
                // What zinit does by itself takes no program.
                let is_program = zinit::builtin(&unit.unit).is_none();
                is_program.then(|| (program.clone(), unit.unit.name.clone()))
            }
            Some(zinit::Command::Shell(_)) => Some(("/bin/sh".to_owned(), unit.unit.name.clone())),
            None => None,
        })
        .collect();
    let report = boot_report(image).map(|unit| (zinit::CLIENT.to_owned(), unit.unit.name.clone()));
    programs.extend(report);
    programs.sort();
    programs
}

/// `/etc/hostname` and `/etc/os-release`.
pub(super) fn branding(lowering: &mut Lowering<'_>) -> Option<Input> {
    let image = lowering.image;
    let mut files = Vec::new();
    let mut write = |path: ImagePath, text: String| {
        files.push(OwnedFile {
            path,
            body: FileBody::Text(text),
            mode: 0o644,
            uid: 0,
            gid: 0,
            origin: "branding".to_owned(),
        });
    };
    if let Some(hostname) = &image.hostname {
        write(fixed("/etc/hostname"), format!("{hostname}\n"));
    }
    if image.os_release.is_some() {
        write(fixed("/etc/os-release"), os_release_text(image));
    }
    if files.is_empty() {
        return None;
    }
    let action = Action::WriteFiles {
        files,
        epoch: lowering.inputs.epoch,
    };
    Some(
        lowering
            .plan
            .add(Stage::AlpineConfigure, "branding", None, action),
    )
}

/// The text of os-release(5); without branding, the two names that boot menus show.
pub(super) fn os_release_text(image: &Image) -> String {
    let fallback = || {
        vec![
            ("NAME".to_owned(), image.title.clone()),
            ("ID".to_owned(), image.name.clone()),
            (
                "PRETTY_NAME".to_owned(),
                format!("{} {}", image.title, image.version)
                    .trim_end()
                    .to_owned(),
            ),
        ]
    };
    let mut lines = image.os_release.clone().unwrap_or_else(fallback);
    for (name, value) in [("IMAGE_ID", &image.name), ("IMAGE_VERSION", &image.version)] {
        // os-release(5) allows nothing else in these two.
        let is_sound =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        if !value.is_empty() && value.bytes().all(is_sound) {
            lines.push((name.to_owned(), value.clone()));
        }
    }
    let mut text = String::new();
    for (name, value) in lines {
        text.push_str(&format!("{name}={}\n", quote(&value)));
    }
    text
}

/// Quotes as os-release(5) asks: double quotes, with `"`, `$`, backquote and backslash escaped.
fn quote(value: &str) -> String {
    if !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in value.chars() {
        if "\"$`\\".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Single files, later ones over earlier ones.
pub(super) fn files(lowering: &mut Lowering<'_>) -> Option<Input> {
    let files: Vec<OwnedFile> = lowering
        .image
        .files
        .iter()
        .map(|file| owned(lowering, file))
        .collect();
    if files.is_empty() {
        return None;
    }
    let action = Action::WriteFiles {
        files,
        epoch: lowering.inputs.epoch,
    };
    Some(
        lowering
            .plan
            .add(Stage::AlpineConfigure, "write files", None, action),
    )
}

fn owned(lowering: &Lowering<'_>, file: &FileRequest) -> OwnedFile {
    let body = match &file.content {
        FileContent::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => FileBody::Text(text.to_owned()),
            Err(_) => FileBody::Blob(Input::Known(Digest::of(bytes)), bytes.len() as u64),
        },
        FileContent::Local(path) => {
            let local = lowering.inputs.files.get(&path.value);
            FileBody::Blob(
                Input::Known(local.map_or_else(|| Digest::of(b""), |local| local.digest)),
                local.map_or(0, |local| local.size),
            )
        }
        FileContent::Link(target) => FileBody::Link(target.clone()),
    };
    OwnedFile {
        path: file.to.value.clone(),
        body,
        mode: file.mode,
        uid: file.uid,
        gid: file.gid,
        origin: format!("file {}", file.to.value),
    }
}

/// Overlaid folders, in order.
pub(super) fn overlays(lowering: &mut Lowering<'_>) -> Vec<Input> {
    let image = lowering.image;
    let mut trees = Vec::new();
    for overlay in &image.overlays {
        let Some(digest) = lowering.inputs.folders.get(&overlay.from.value) else {
            continue;
        };
        let name = overlay
            .from
            .value
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let action = Action::Move {
            tree: Input::Known(*digest),
            to: overlay.to.clone(),
            origin: format!("overlay {name}"),
            epoch: lowering.inputs.epoch,
        };
        trees.push(lowering.plan.add(
            Stage::AlpineConfigure,
            format!("overlay {name}"),
            Some(overlay.from.span),
            action,
        ));
    }
    trees
}

/// Accounts and groups, where the manifest has any.
pub(super) fn accounts(lowering: &mut Lowering<'_>, root: Input) -> Input {
    let image = lowering.image;
    if image.accounts.is_empty() && image.groups.is_empty() {
        return root;
    }
    let groups = image.groups.iter().map(|group| GroupEdit {
        name: group.name.value.clone(),
        gid: group.gid,
    });
    let accounts = image.accounts.iter().map(|account| AccountEdit {
        name: account.name.value.clone(),
        uid: account.uid,
        gid: account.gid,
        password: match &account.password {
            Password::Unchanged => None,
            Password::Empty => Some(String::new()),
            Password::Hash(hash) => Some(hash.clone()),
        },
        shell: account.shell.clone(),
        home: account.home.clone(),
        title: account.title.clone(),
        groups: account.groups.clone(),
    });
    let action = Action::Accounts {
        root,
        groups: groups.collect(),
        accounts: accounts.collect(),
        epoch: lowering.inputs.epoch,
    };
    lowering
        .plan
        .add(Stage::AlpineConfigure, "accounts", None, action)
}
