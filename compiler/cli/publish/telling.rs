//! What publishing says of itself: a line a step and a bar a file for people, a JSON object a step for programs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Outcome;
use crate::cli::progress::seconds;
use crate::cli::session::Session;
use crate::diagnostic::bytes;
use crate::io::Stopwatch;
use crate::publish::{Act, Observer, Step};

/// How often programs hear how far a file is.
const OFTEN: Duration = Duration::from_secs(1);

/// Tells what is done while it is done.
pub(super) struct Telling<'a> {
    session: &'a Session,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<(String, String), (ProgressBar, Stopwatch)>,
    told: Told,
}

/// What was done, in numbers.
#[derive(Default)]
pub(super) struct Told(BTreeMap<Act, (u64, u64)>);

impl<'a> Telling<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        let bars = MultiProgress::new();
        if !session.draws() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self {
            session,
            bars,
            state: Mutex::default(),
        }
    }

    /// Clears what was drawn.
    pub(super) fn finish(self) -> Told {
        let _ = self.bars.clear();
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).told
    }

    fn bar(&self, step: &Step) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(step.size.unwrap_or(0)));
        let form = "  {prefix} {bar:24} {bytes} of {total_bytes} ({bytes_per_sec})";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_prefix(step.key.clone());
        bar
    }
}

impl Observer for Telling<'_> {
    fn progress(&self, step: &Step, done: u64) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let name = (step.place.clone(), step.key.clone());
        let (bar, told) = state
            .running
            .entry(name)
            .or_insert_with(|| (self.bar(step), Stopwatch::start()));
        bar.set_position(done);
        if !self.session.for_people() && told.elapsed() >= OFTEN {
            *told = Stopwatch::start();
            let line = serde_json::json!({ "sending": step, "done": done });
            let _ = self.session.print(&format!("{line}\n"));
        }
    }

    fn done(&self, step: &Step) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let name = (step.place.clone(), step.key.clone());
        if let Some((bar, _)) = state.running.remove(&name) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        let (count, size) = state.told.0.entry(step.act).or_default();
        *count += 1;
        *size += step.size.unwrap_or(0);
        drop(state);
        if !self.session.for_people() {
            let line = serde_json::json!({ "published": step });
            let _ = self.session.print(&format!("{line}\n"));
        } else if step.act != Act::Keep {
            let style = self.session.style();
            let line = line(
                step,
                &style.verb(step.act.word()),
                &style.faint(&step.place),
            );
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }
}

/// A step on a line.
fn line(step: &Step, word: &str, place: &str) -> String {
    let size = step
        .size
        .map_or(String::new(), |size| format!("  {}", bytes(size)));
    format!("{word} {}{size}  {place}", step.key)
}

impl Told {
    /// The last line.
    pub(super) fn tell(&self, session: &Session, watch: Stopwatch) -> Outcome {
        if !session.for_people() {
            let counts = self.0.iter().map(|(act, (count, size))| {
                let value = serde_json::json!({ "count": count, "size": size });
                (act.word().to_owned(), value)
            });
            let counts: serde_json::Map<String, serde_json::Value> = counts.collect();
            return session.print(&format!("{}\n", serde_json::json!({ "done": counts })));
        }
        let parts = [
            (Act::Send, "sent"),
            (Act::Replace, "replaced"),
            (Act::Copy, "copied"),
            (Act::Write, "written"),
            (Act::Remove, "removed"),
            (Act::Keep, "there already"),
        ];
        let parts = parts.into_iter().filter_map(|(act, word)| {
            let (count, size) = self.0.get(&act)?;
            let size = match act {
                Act::Send | Act::Replace => format!(" ({})", bytes(*size)),
                _ => String::new(),
            };
            Some(format!("{count} {word}{size}"))
        });
        let parts: Vec<String> = parts.collect();
        let changed = self.0.keys().any(|act| *act != Act::Keep);
        let fact = if changed {
            parts.join(", ")
        } else {
            format!("nothing to do, {}", parts.join(", "))
        };
        let good = session.style().good("ok");
        session.tell(&format!("{good} {fact} ({})", seconds(watch.elapsed())));
        Ok(())
    }
}

/// Says what would be done.
pub(super) fn foretell(session: &Session, steps: &[Step]) -> Outcome {
    if !session.for_people() {
        let line = serde_json::json!({ "would_publish": steps });
        return session.print(&format!("{line}\n"));
    }
    let style = session.output_style();
    let (mut text, mut place) = (String::new(), "");
    for step in steps {
        if place != step.place {
            place = &step.place;
            text.push_str(&format!("{}\n", style.strong(place)));
        }
        let word = format!("{:>9}", step.act.word());
        let word = match step.act {
            Act::Keep => style.faint(&word),
            _ => style.verb(&word),
        };
        let size = step
            .size
            .map_or(String::new(), |size| format!("  {}", bytes(size)));
        text.push_str(&format!("{word} {}{}\n", step.key, style.faint(&size)));
    }
    let changes = steps.iter().filter(|step| step.act != Act::Keep).count();
    text.push_str(&match changes {
        0 => "nothing to do\n".to_owned(),
        1 => "1 change\n".to_owned(),
        more => format!("{more} changes\n"),
    });
    session.print(&text)
}
