//! `zosc boot`.

mod machine;
mod telling;

use std::path::{Path, PathBuf};

use crate::boot::{self, Boot, Disks, Forward, Kept, Settings, Verdict};
use crate::check::{Image, OutputKind};
use crate::diagnostic::Diagnostic;
use crate::manifest::boot::Firmware;
use crate::zinit;

use super::session::Session;
use super::{Failed, Outcome};

use machine::MachineArguments;
pub(super) use telling::{conclude, teller};

/// Runs an image in a virtual machine: for you at its console, or with `--test` to judge what its manifest expects.
///
/// Without `--test`, what you type goes to the machine's serial console, and Ctrl-A X ends it. Its disks stay below `.zosc/boot` beside the
/// manifest from one boot to the next:
///
///     zosc boot
///     zosc boot --disks 5 --disk-size 20GiB --port 8080:80 --ssh
///     zosc boot --reset
///
/// With `--test`, exit code 0 means that every expectation of the manifest's `boot` section came true within its time; nothing waits longer
/// than that, and the disks are empty ones that nobody keeps:
///
///     zosc boot --test --junit boot.xml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Arguments {
    /// The EFI program to boot. Default: the one that `zosc build` writes to `dist` beside the manifest.
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// The manifest that says what machine the image gets, and what is expected of it.
    #[arg(long, value_name = "FILE", default_value = "zos.kdl")]
    manifest: PathBuf,
    /// Sets a value of the manifest for this run. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Judge what the manifest expects, and end.
    #[arg(long)]
    test: bool,
    /// Write what came of each expectation to a file, as a JUnit report.
    #[arg(long, value_name = "FILE", requires = "test")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineArguments,
    /// The file that gets everything the console says. Default: `boot.log` beside the image.
    #[arg(long, value_name = "FILE")]
    serial: Option<PathBuf>,
    /// Do not show the console while the machine runs; it is in the file all the same.
    #[arg(long, short)]
    quiet: bool,
    /// Print the hypervisor's command line and run nothing.
    #[arg(long, conflicts_with_all = ["test", "reset"])]
    dry_run: bool,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let sensible = arguments.machine.sensible(arguments.test);
    session.settle(sensible.map_err(Into::into))?;
    let image = manifest(session, arguments)?;
    let path = program(session, arguments, image.as_ref())?;
    let log = arguments.serial.clone();
    let log = log.unwrap_or_else(|| path.with_file_name("boot.log"));
    let mut boot = image
        .as_ref()
        .map_or_else(Boot::default, |image| image.boot.clone());
    let mut settings = match &image {
        Some(image) => settings(image, log),
        None => bare_settings(log),
    };
    let sizes = arguments.machine.apply(&mut boot, &mut settings);
    if !arguments.test || arguments.machine.keep_disks {
        settings.disks = Disks::Kept(Kept {
            folder: boot::folder_of(&arguments.manifest),
            reset: arguments.machine.reset,
            snapshot: arguments.machine.snapshot,
            unsized_last: sizes.unsized_last,
        });
    }
    if !arguments.test && !arguments.machine.reset {
        tell_left_out(session, arguments, sizes.count);
    }
    if arguments.machine.ssh {
        settings.ssh = Some(session.settle(boot::free_port().map_err(Into::into))?);
    }
    if arguments.dry_run {
        return dry_run(session, &path, &boot, &settings);
    }
    let verdict = perform(session, arguments, &path, &boot, &settings)?;
    if let Some(file) = &arguments.junit {
        let name = image.as_ref().map_or("boot", |image| image.name.as_str());
        let report = verdict
            .junit(name)
            .map_err(|error| cannot_write(file, &error));
        let report = session.settle(report.map_err(Into::into))?;
        session.deliver(Some(file), report)?;
    }
    conclude(session, &path, &verdict)
}

/// Says where there are more disks than the machine gets.
fn tell_left_out(session: &Session, arguments: &Arguments, count: usize) {
    let folder = boot::folder_of(&arguments.manifest);
    let there = boot::kept_in(&folder).len();
    if there <= count {
        return;
    }
    session.tell(&format!(
        "{} {} has {there} disks, and the machine gets {count}: `--disks {there}` gives it all of them",
        session.style().verb("note"),
        folder.display(),
    ));
}

/// Boots, for whom it is.
fn perform(
    session: &Session,
    arguments: &Arguments,
    path: &Path,
    boot: &Boot,
    settings: &Settings,
) -> Result<Verdict, Failed> {
    let for_people = session.for_people();
    let shows = for_people && !arguments.quiet;
    let program = boot::Image::Uki(path);
    let booted = if arguments.test {
        let mut tell = teller(session.style(), for_people, shows);
        boot::test(program, boot, settings, &mut tell)
    } else {
        let mut tell = telling::companion(session, path, boot, settings, shows);
        boot::attend(program, boot, settings, &mut tell, shows)
    };
    session.settle(booted.map_err(Into::into))
}

/// The manifest; none where only an image was named, and there is none.
fn manifest(session: &mut Session, arguments: &Arguments) -> Result<Option<Image>, Failed> {
    let is_named = arguments.image.is_some() && !arguments.test && arguments.set.is_empty();
    let is_usual = arguments.manifest == Path::new("zos.kdl");
    if is_named && is_usual && !arguments.manifest.exists() {
        return Ok(None);
    }
    let manifest = super::ManifestArguments {
        manifest: arguments.manifest.clone(),
        set: arguments.set.clone(),
    };
    session.image(&manifest).map(Some)
}

/// The file to boot.
fn program(
    session: &Session,
    arguments: &Arguments,
    image: Option<&Image>,
) -> Result<PathBuf, Failed> {
    let path = arguments.image.clone().unwrap_or_else(|| {
        let outputs = image.into_iter().flat_map(|image| &image.outputs);
        let mut programs = outputs.filter(|output| output.kind == OutputKind::Efi);
        // A name with a variable in it is known once it is built.
        let program = programs.find(|output| !output.name.contains('{'));
        let name = program.map_or("vmlinuz.efi", |output| output.name.value.as_str());
        arguments.manifest.with_file_name("dist").join(name)
    });
    if !path.is_file() {
        let missing = Diagnostic::error(
            "zosc::cli::no-image",
            format!("there is no image `{}`", path.display()),
        )
        .help("run `zosc build` first, or name the image: `zosc boot IMAGE`");
        session.fail(missing)?;
    }
    Ok(path)
}

/// How an image is booted, as its manifest says.
pub(super) fn settings(image: &Image, log: PathBuf) -> Settings {
    let kernel = image.kernel.as_ref();
    let sign = kernel.and_then(|kernel| kernel.sign.as_ref());
    let units = image.units.iter().map(|resolved| resolved.unit.clone());
    let units: Vec<_> = units.collect();
    let order = image
        .dialect
        .and_then(|dialect| zinit::order(&units, dialect).ok());
    Settings {
        arch: Some(image.arch),
        trusted: sign.map(|sign| sign.certificate.value.der().to_vec()),
        order,
        ..bare_settings(log)
    }
}

/// How something is booted that no manifest is known of.
fn bare_settings(log: PathBuf) -> Settings {
    Settings {
        // The hypervisor is killed when zosc is, however that comes about.
        through: vec!["/proc/self/exe".into(), "end-with-parent".into()],
        ..Settings::new(log)
    }
}

fn dry_run(session: &Session, path: &Path, boot: &Boot, settings: &Settings) -> Outcome {
    let command = boot::command_line(boot::Image::Uki(path), boot, settings);
    let command = session.settle(command.map_err(Into::into))?;
    let words = command
        .iter()
        .map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.collect();
    let line = zinit::quote_all(&words);
    session.print(&format!("{line}\n"))
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::error(
        "zosc::cli::cannot-write",
        format!("cannot write `{}`: {error}", path.display()),
    )
}

/// A port that leads to the guest's, as an option has it.
fn forward(text: &str) -> Result<Forward, &'static str> {
    text.parse()
}

/// A way to start, as an option has it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum How {
    /// The kernel is loaded directly: fastest.
    Direct,
    /// UEFI firmware loads the EFI program from a disk.
    Uefi,
    /// As `uefi`, with Secure Boot, which trusts the certificate of the manifest's `sign` and nothing else.
    SecureBoot,
}

impl From<How> for Firmware {
    fn from(how: How) -> Self {
        match how {
            How::Direct => Self::Direct,
            How::Uefi => Self::Uefi,
            How::SecureBoot => Self::SecureBoot,
        }
    }
}
