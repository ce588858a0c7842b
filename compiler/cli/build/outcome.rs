//! What a build says of itself when it has ended well.

use std::path::Path;

use crate::build::{Artifacts, Counts, Saving};
use crate::check::Image;
use crate::diagnostic::bytes;
use crate::io::{self, Stopwatch};

use super::super::Outcome;
use super::super::progress::seconds;
use super::super::session::Session;

/// A path as people would type it from here.
fn shown(path: &Path) -> &Path {
    let here = io::current_directory();
    here.ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// What was saved, as the lines of a table; none where nothing was to be.
fn saved(savings: &[Saving]) -> Vec<String> {
    let width = savings.iter().map(|saving| saving.what.chars().count());
    let width = width.max().unwrap_or(0);
    let line = |saving: &Saving| {
        let (files, saved) = (saving.files, saving.saved());
        let what = format!("{:<width$}", saving.what);
        if files == 0 {
            return format!("{:>10} {}", "nothing", saving.what);
        }
        let plural = if files == 1 { "file" } else { "files" };
        let gone = if saving.after == 0 {
            String::new()
        } else {
            format!(": {} became {}", bytes(saving.before), bytes(saving.after))
        };
        format!("{:>10} {what}  {files} {plural}{gone}", bytes(saved))
    };
    let total: u64 = savings.iter().map(Saving::saved).sum();
    let mut lines: Vec<String> = savings.iter().map(line).collect();
    if savings.len() > 1 {
        lines.push(format!("{:>10} saved before compression", bytes(total)));
    }
    lines
}

/// What tells images apart that are built together: their names, or else their manifests; nothing of one alone.
pub(super) fn names(images: &[Image]) -> Vec<String> {
    let count = |name: &str| images.iter().filter(|image| image.name == name).count();
    let names = images.iter().map(|image| match images.len() {
        1 => String::new(),
        _ if count(&image.name) == 1 => image.name.clone(),
        _ => shown(&image.manifest).display().to_string(),
    });
    names.collect()
}

/// Tells what a build yielded, to people or to programs: of each image, by its name.
pub(in crate::cli) fn tell(
    session: &Session,
    images: &[(&str, &Artifacts)],
    watch: Stopwatch,
) -> Outcome {
    if !session.for_people() {
        let lines = images.iter().map(|(name, artifacts)| line(name, artifacts));
        return session.print(&lines.collect::<String>());
    }
    let style = session.style();
    for (name, artifacts) in images {
        if images.len() > 1 {
            session.tell(&style.strong(name));
        }
        tell_image(session, artifacts);
    }
    let time = seconds(watch.elapsed());
    let left = match images.iter().map(|(_, artifacts)| artifacts.unwanted).sum() {
        0 => String::new(),
        unwanted => format!(", {unwanted} left"),
    };
    let what = match images.len() {
        1 => String::new(),
        count => format!("{count} images: "),
    };
    let done = if images
        .iter()
        .all(|(_, artifacts)| artifacts.nothing_to_do())
    {
        "nothing to do".to_owned()
    } else {
        let counts = images.iter().map(|(_, artifacts)| artifacts.counts);
        counted(counts.sum())
    };
    session.tell(&format!("{} {what}{done}{left} ({time})", style.good("ok")));
    Ok(())
}

/// What an image's build yielded, for programs.
fn line(name: &str, artifacts: &Artifacts) -> String {
    let outputs = artifacts.outputs.iter().map(|output| {
        serde_json::json!({
            "kind": output.kind, "path": output.path, "sha256": output.digest, "size": output.size, "written": output.written, "pcr11": output.pcr11,
        })
    });
    let savings = artifacts.savings.iter().map(|saving| {
        serde_json::json!({
            "by": saving.what, "files": saving.files, "before": saving.before, "after": saving.after,
        })
    });
    let counts = artifacts.counts;
    let line = serde_json::json!({
        "image": name, "built": outputs.collect::<Vec<_>>(), "build_id": artifacts.build_id, "saved": savings.collect::<Vec<_>>(),
        "performed": counts.performed, "elsewhere": counts.elsewhere, "shared": counts.shared, "stored": counts.cached,
        "left": artifacts.left.iter().map(|left| &left.name).collect::<Vec<_>>(),
    });
    format!("{line}\n")
}

/// What an image's build yielded, for people.
fn tell_image(session: &Session, artifacts: &Artifacts) {
    let style = session.style();
    for line in saved(&artifacts.savings) {
        session.tell(&line);
    }
    for output in &artifacts.outputs {
        session.tell(&format!(
            "{:>10} {}  {}",
            bytes(output.size),
            shown(&output.path).display(),
            style.faint(&format!("sha256:{}", output.digest.short()))
        ));
        if let Some(register) = output.pcr11 {
            session.tell(&format!(
                "{:>10} {}",
                "PCR 11",
                style.faint(&register.to_string())
            ));
        }
    }
    if let Some(id) = artifacts.build_id {
        session.tell(&format!(
            "{:>10} {}",
            "build id",
            style.faint(&id.to_string())
        ));
    }
    for left in &artifacts.left {
        let stage = format!("({} makes it)", left.stage);
        session.tell(&format!(
            "{:>10} {} {}",
            "left",
            left.name,
            style.faint(&stage)
        ));
    }
}

/// How many actions were done, and where, and what became of the others.
fn counted(counts: Counts) -> String {
    let Counts {
        performed,
        elsewhere,
        shared,
        cached,
    } = counts;
    let elsewhere = match elsewhere {
        0 => String::new(),
        elsewhere => format!(" ({elsewhere} elsewhere)"),
    };
    let shared = match shared {
        0 => String::new(),
        shared => format!(", {shared} from the shared cache"),
    };
    format!("{performed} actions done{elsewhere}{shared}, {cached} stored")
}
