//! Progress on long work: a bar and the commands under way on a terminal, a line a step elsewhere.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::build::{self, Elsewhere, Event};
use crate::diagnostic::{Diagnostics, bytes};
use crate::lock;
use crate::plan::{PlannedAction, Stage};

use super::render::Style;
use super::session::Session;

/// Steps shorter than this are not worth a line of their own.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// Shows how a build or a lock gets on.
pub(super) struct Progress {
    bars: MultiProgress,
    style: Style,
    /// Whether anything is said at all.
    speaks: bool,
    /// Whether the output of commands is shown as it comes.
    streams: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<String, ProgressBar>,
    /// Where actions run that do not run here.
    places: BTreeMap<String, String>,
    warnings: Diagnostics,
}

impl Progress {
    /// Draws on a terminal; writes lines for people elsewhere; is silent for programs.
    pub(super) fn new(session: &Session) -> Self {
        let bars = MultiProgress::new();
        if !session.draws() {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self {
            bars,
            style: session.style(),
            speaks: session.for_people(),
            streams: false,
            state: Mutex::default(),
        }
    }

    /// Shows the output of commands as it comes, with the name of what is being built in front.
    pub(super) fn streaming(self, streams: bool) -> Self {
        Self { streams, ..self }
    }

    /// The progress of an image of this name; an empty one for one that is built alone.
    pub(super) fn of_image(&self, name: String) -> OfImage<'_> {
        OfImage {
            progress: self,
            name,
        }
    }

    /// Clears what was drawn and hands over the warnings that came up.
    pub(super) fn finish(self) -> Diagnostics {
        let _ = self.bars.clear();
        self.state
            .into_inner()
            .map(|state| state.warnings)
            .unwrap_or_default()
    }

    fn say(&self, line: &str) {
        if self.speaks {
            self.bars.suspend(|| eprintln!("{line}"));
        }
    }

    fn begin(&self, label: &str) {
        self.end(label);
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {wide_msg} {elapsed}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        if let Ok(mut state) = self.state.lock() {
            state.running.insert(label.to_owned(), bar);
        }
    }

    fn message(&self, label: &str, message: &str) {
        if let Ok(state) = self.state.lock()
            && let Some(bar) = state.running.get(label)
        {
            bar.set_message(message.to_owned());
        }
    }

    /// Shows what goes on elsewhere, also before an action begins and after it has ended here.
    fn elsewhere(&self, label: &str, event: Elsewhere<'_>) {
        let message = match event {
            Elsewhere::Ended => return self.end(label),
            Elsewhere::Uploading { done, total } => {
                format!("sending {} of {}", bytes(done), bytes(total))
            }
            Elsewhere::Queued => "waiting for a worker".to_owned(),
            Elsewhere::Executing { worker } => {
                let place =
                    worker.map_or_else(|| "elsewhere".to_owned(), |name| format!("on {name}"));
                let message = format!("running {place}");
                if let Ok(mut state) = self.state.lock() {
                    state.places.insert(label.to_owned(), place);
                }
                message
            }
            Elsewhere::Downloading { done, total } => {
                format!("bringing {} of {}", bytes(done), bytes(total))
            }
        };
        let is_shown = self
            .state
            .lock()
            .map(|state| state.running.contains_key(label));
        if !is_shown.unwrap_or(true) {
            self.begin(label);
        }
        self.message(label, &message);
    }

    /// A step that has ended, with its stage, further words and its time, where they are worth a line.
    fn tell_end(&self, verb: &str, (label, stage): (&str, Stage), how: &str, elapsed: Duration) {
        let time = seconds(elapsed);
        let facts = self.style.faint(&format!("({stage}, {how}{time})"));
        self.say(&format!("{} {} {facts}", self.style.verb(verb), label));
    }

    fn end(&self, label: &str) {
        if let Ok(mut state) = self.state.lock()
            && let Some(bar) = state.running.remove(label)
        {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }
}

impl Progress {
    /// Something happened to an action, as it is called here.
    fn tell(&self, label: &str, action: &PlannedAction, event: Event<'_>) {
        match event {
            Event::Cached => {}
            Event::Started { .. } => {
                if let Ok(mut state) = self.state.lock() {
                    state.places.remove(label);
                }
                self.begin(label);
            }
            Event::Shared { elapsed } => {
                self.end(label);
                self.tell_end(
                    "took",
                    (label, action.stage),
                    "from the shared cache, ",
                    elapsed,
                );
            }
            Event::Elsewhere(event) => self.elsewhere(label, event),
            Event::Progress { done, total } => {
                self.message(label, &format!("{} of {}", bytes(done), bytes(total)));
            }
            Event::Line(line) => {
                self.message(label, line);
                if self.streams {
                    let name = action.label.strip_prefix("build ");
                    let name = name.unwrap_or(&action.label);
                    let image = label.strip_suffix(&action.label).unwrap_or_default();
                    self.say(&format!(
                        "{} {line}",
                        self.style.faint(&format!("{image}{name} │"))
                    ));
                }
            }
            Event::Warning(warning) => {
                if let Ok(mut state) = self.state.lock() {
                    state.warnings.push(warning.clone());
                }
            }
            Event::Failed => {
                self.end(label);
                self.say(&format!("{} {}", self.style.bad("fail"), label));
            }
            Event::Finished { elapsed } => {
                self.end(label);
                let place = self.state.lock().ok();
                let place = place.and_then(|mut state| state.places.remove(label));
                if elapsed >= WORTH_TELLING || place.is_some() {
                    let place = place.map_or_else(String::new, |place| format!("{place}, "));
                    self.tell_end("done", (label, action.stage), &place, elapsed);
                }
            }
        }
    }
}

impl build::Observer for Progress {
    fn event(&self, action: &PlannedAction, event: Event<'_>) {
        self.tell(&action.label, action, event);
    }
}

/// The progress of one image among others, whose name stands before what its actions are called.
pub(super) struct OfImage<'a> {
    progress: &'a Progress,
    name: String,
}

impl build::Observer for OfImage<'_> {
    fn event(&self, action: &PlannedAction, event: Event<'_>) {
        if self.name.is_empty() {
            return self.progress.event(action, event);
        }
        let label = format!("{}: {}", self.name, action.label);
        self.progress.tell(&label, action, event);
    }
}

impl lock::Observer for Progress {
    fn event(&self, label: &str, event: lock::Event<'_>) {
        match event {
            lock::Event::Started => self.begin(label),
            lock::Event::Progress(message) => self.message(label, message),
            lock::Event::Finished => self.end(label),
        }
    }
}

/// A duration for people: milliseconds below a second, else seconds, else minutes and seconds.
pub(super) fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        more => format!("{} min {} s", more / 60, more % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(12)), "12 ms");
        assert_eq!(seconds(Duration::from_secs(75)), "1 min 15 s");
    }
}
