//! `zosc boot`.

use std::path::PathBuf;

use crate::boot::{self, Event, Settings, Verdict};
use crate::check::Image;
use crate::diagnostic::Diagnostic;
use crate::manifest::boot::Firmware;

use super::progress::seconds;
use super::render::Style;
use super::session::Session;
use super::{Failed, Outcome};

/// Boots an image in QEMU and judges what its manifest expects of it.
///
/// The console is shown as it comes and written to a log. Exit code 0 means that every expectation of the manifest's `boot`
/// section came true within its time; nothing waits longer than that.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The EFI program to boot.
    #[arg(value_name = "IMAGE", default_value = "dist/vmlinuz.efi")]
    image: PathBuf,
    /// The manifest that says what is expected.
    #[arg(long, value_name = "FILE", default_value = "zos.kdl")]
    manifest: PathBuf,
    /// Sets a value of the manifest for this run. May be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How the machine starts, instead of what the manifest says.
    #[arg(long, value_name = "HOW")]
    firmware: Option<How>,
    /// Where the console is written to. Default: `boot.log` beside the image.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Do not show the console while the machine runs.
    #[arg(long, short)]
    quiet: bool,
}

/// How a machine starts.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum How {
    /// The kernel is loaded directly: fastest.
    Direct,
    /// UEFI firmware loads the EFI program from a disk.
    Uefi,
    /// As `uefi`, with Secure Boot, which trusts the certificate of the manifest's `sign` and nothing else.
    SecureBoot,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    let manifest = super::ManifestArguments {
        manifest: arguments.manifest.clone(),
        set: arguments.set.clone(),
    };
    let image = session.image(&manifest)?;
    if !arguments.image.is_file() {
        return session.fail(
            Diagnostic::error(
                "zosc::cli::no-image",
                format!("there is no image `{}`", arguments.image.display()),
            )
            .help("run `zosc build` first, or name the image: `zosc boot IMAGE`"),
        );
    }
    let mut expected = image.boot.clone();
    if let Some(how) = arguments.firmware {
        expected.firmware = match how {
            How::Direct => Firmware::Direct,
            How::Uefi => Firmware::Uefi,
            How::SecureBoot => Firmware::SecureBoot,
        };
    }
    let log = arguments
        .log
        .clone()
        .unwrap_or_else(|| arguments.image.with_file_name("boot.log"));
    let settings = settings(&image, log);
    let for_people = session.for_people();
    let mut tell = teller(session.style(), for_people, for_people && !arguments.quiet);
    let program = boot::Image::Uki(&arguments.image);
    let booted = boot::run(program, &expected, &settings, &mut tell);
    let verdict = session.settle(booted.map_err(Into::into))?;
    conclude(session, &verdict)
}

/// How an image is booted.
pub(super) fn settings(image: &Image, log: PathBuf) -> Settings {
    let kernel = image.kernel.as_ref();
    let sign = kernel.and_then(|kernel| kernel.sign.as_ref());
    Settings {
        trusted: sign.map(|sign| sign.certificate.value.der().to_vec()),
        ..Settings::new(log)
    }
}

/// Shows remarks, and the console where that is wanted.
pub(super) fn teller(style: Style, remarks: bool, console: bool) -> impl FnMut(Event<'_>) {
    move |event| match event {
        Event::Note(note) if remarks => eprintln!("{} {note}", style.verb("note")),
        Event::Line(line) if console => eprintln!("{} {line}", style.faint("│")),
        Event::Note(_) | Event::Line(_) => {}
    }
}

/// Says what became of a boot; fails where it was no good one.
pub(super) fn conclude(session: &Session, verdict: &Verdict) -> Outcome {
    let style = session.style();
    for outcome in &verdict.outcomes {
        let line = match &outcome.result {
            boot::ExpectationResult::Met(after) => {
                format!(
                    "{} {} {}",
                    style.good("✓"),
                    outcome.what(),
                    style.faint(&format!("after {}", seconds(*after)))
                )
            }
            boot::ExpectationResult::Missed(instead) => {
                format!("{} {}: {instead}", style.bad("✗"), outcome.what())
            }
        };
        session.tell(&line);
    }
    if !verdict.is_good() {
        session.report(&verdict.diagnostics());
        return Err(Failed);
    }
    let line = format!(
        "{} a good boot in {} ({})",
        style.good("ok"),
        seconds(verdict.elapsed),
        verdict.accelerator
    );
    session.tell(&line);
    Ok(())
}
