//! What a build says of itself when it has ended well.

use std::path::Path;

use crate::build::{Artifacts, Counts, Saving};
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
        let (files, saved) = (saving.files, saving.before - saving.after);
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
    let total = savings.iter().map(|saving| saving.before - saving.after);
    let total: u64 = total.sum();
    let mut lines: Vec<String> = savings.iter().map(line).collect();
    if savings.len() > 1 {
        lines.push(format!("{:>10} saved before compression", bytes(total)));
    }
    lines
}

/// Tells what a build yielded, to people or to programs.
pub(in crate::cli) fn tell(session: &Session, artifacts: &Artifacts, watch: Stopwatch) -> Outcome {
    let style = session.style();
    if !session.for_people() {
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
        let line = serde_json::json!({
            "built": outputs.collect::<Vec<_>>(), "build_id": artifacts.build_id, "saved": savings.collect::<Vec<_>>(), "performed": artifacts.counts.performed,
            "elsewhere": artifacts.counts.elsewhere, "shared": artifacts.counts.shared, "stored": artifacts.counts.cached,
            "left": artifacts.left.iter().map(|left| &left.name).collect::<Vec<_>>(),
        });
        return session.print(&format!("{line}\n"));
    }
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
    let time = seconds(watch.elapsed());
    let left = match artifacts.unwanted {
        0 => String::new(),
        unwanted => format!(", {unwanted} left"),
    };
    session.tell(&if artifacts.nothing_to_do() {
        format!("{} nothing to do{left} ({time})", style.good("ok"))
    } else {
        format!(
            "{} {}{left} ({time})",
            style.good("ok"),
            counted(artifacts.counts)
        )
    });
    Ok(())
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
