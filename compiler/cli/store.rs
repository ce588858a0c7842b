//! `zosc store`.

use std::num::NonZeroUsize;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::diagnostic::{Diagnostics, bytes};
use crate::io;
use crate::tree::Access;
use crate::upkeep::{self, Amount, Collected, Inventory, Keep, Looking, Period, Size};

use super::session::{CANCELLED, Session};
use super::{Failed, Format, Outcome};

/// Looks after the store, where downloads and results are kept: what is in it, whether it is sound, and what may go.
///
/// `zosc store gc --keep 5` removes what the last five builds of each manifest do not need. All of it can be fetched or built again.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Gc(Gc),
    Verify(Verify),
    Stat(Stat),
}

/// Removes what no build that is kept needs, and says how much that was.
///
/// `zosc store gc --keep 5 --keep 14d` keeps the last five builds of each manifest and those of the last two weeks; `zosc store gc --max-size
/// 10G` drops the oldest builds until the rest has room. Without either, every build is kept, and what no build names goes once it
/// is a day old. Sandboxes that stay, and what the locks of kept projects name, are kept in any case.
#[derive(Debug, clap::Args)]
struct Gc {
    /// Keep so many builds of each manifest (`5`), or builds so young (`12h`, `14d`, `8w`). May be repeated: what one of them keeps is
    /// kept.
    #[arg(long, value_name = "N|AGE")]
    keep: Vec<Period>,
    /// The most that the store may take (`500M`, `10G`): the oldest builds go first.
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,
    /// Only say what would be removed.
    #[arg(long)]
    dry_run: bool,
    /// Fail where other commands use the store, rather than wait for them.
    #[arg(long)]
    no_wait: bool,
    /// How the result is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Reads everything in the store and removes what is damaged; a build fetches or builds it again.
///
/// Exit code 0 says that everything is as it should be, 1 that something was damaged.
#[derive(Debug, clap::Args)]
struct Verify {
    /// Only look, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// How many files are read at a time. Default: as many as there are processors.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// How the result is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Shows what is in the store: how much of which kind, and how much each build takes.
///
/// A build's own share is what no other build needs: what `zosc store gc` would free without it.
#[derive(Debug, clap::Args)]
struct Stat {
    /// How the result is printed.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(session: &mut Session, arguments: &Arguments) -> Outcome {
    match &arguments.verb {
        Verb::Gc(arguments) => gc(session, arguments),
        Verb::Verify(arguments) => verify(session, arguments),
        Verb::Stat(arguments) => stat(session, arguments),
    }
}

fn gc(session: &Session, arguments: &Gc) -> Outcome {
    let store = session.store_as(Access::Alone, !arguments.no_wait)?;
    let keep = Keep {
        periods: arguments.keep.clone(),
        largest: arguments.max_size,
    };
    let now = i64::try_from(io::unix_milliseconds()).unwrap_or(i64::MAX);
    let collected = upkeep::collect(&store, &keep, now, arguments.dry_run, &CANCELLED);
    let collected = session.settle(collected.map_err(Diagnostics::from))?;
    match arguments.format {
        Format::Human => tell(session, &collected, arguments.dry_run),
        Format::Json => session.print(&document(&collected))?,
    }
    if collected.stopped {
        Err(Failed)
    } else {
        Ok(())
    }
}

/// Says what was taken out of the store.
pub(super) fn tell(session: &Session, collected: &Collected, dry_run: bool) {
    let style = session.style();
    for (kind, amount) in &collected.freed {
        session.tell(&row(*amount, kind.name()));
    }
    let builds = |numbers: &[u32]| match numbers.len() {
        1 => "1 build".to_owned(),
        count => format!("{count} builds"),
    };
    let verb = match (dry_run, collected.stopped) {
        (true, _) => style.verb("would free"),
        (_, true) => style.bad("stopped, freed"),
        _ => style.good("freed"),
    };
    session.tell(&format!(
        "{verb} {}; {} forgotten, {} kept; {} left",
        bytes(collected.total().bytes),
        builds(&collected.forgotten),
        builds(&collected.kept),
        bytes(collected.left),
    ));
}

fn row(amount: Amount, name: &str) -> String {
    format!("{:>10}  {name:<11}  {}", bytes(amount.bytes), amount.count)
}

fn document(value: &impl serde::Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("these are plain data: {error}"),
    }
}

fn verify(session: &Session, arguments: &Verify) -> Outcome {
    let store = session.store()?;
    let bar = ProgressBar::new(0);
    if !session.draws() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template(
        "  {bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left",
    ) {
        bar.set_style(style);
    }
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let looking = Looking {
        jobs: arguments.jobs.map_or(processors, NonZeroUsize::get),
        dry_run: arguments.dry_run,
        progress: &|done, total| {
            bar.set_length(total);
            bar.set_position(done);
        },
        cancel: &CANCELLED,
    };
    let verified = upkeep::verify(&store, &looking);
    bar.finish_and_clear();
    let verified = session.settle(verified.map_err(Diagnostics::from))?;
    if arguments.format == Format::Json {
        session.print(&document(&verified))?;
    } else {
        for damage in &verified.damaged {
            let path = damage
                .path
                .strip_prefix(store.root())
                .unwrap_or(&damage.path);
            session.tell(&format!(
                "{} {} {}",
                session.style().bad("damaged"),
                path.display(),
                damage.what
            ));
        }
    }
    if verified.stopped {
        return Err(Failed);
    }
    if let Some(problem) = verified.summary() {
        return session.fail(problem);
    }
    session.tell(&format!(
        "{} {} contents of {} and {} results are as they should be",
        session.style().good("ok"),
        verified.contents.count,
        bytes(verified.contents.bytes),
        verified.results
    ));
    Ok(())
}

fn stat(session: &Session, arguments: &Stat) -> Outcome {
    let store = session.store()?;
    let inventory = session.settle(upkeep::inventory(&store).map_err(Diagnostics::from))?;
    session.print(&match arguments.format {
        Format::Human => human(session, &inventory),
        Format::Json => document(&inventory),
    })
}

fn human(session: &Session, inventory: &Inventory) -> String {
    let style = session.output_style();
    let mut text = format!(
        "{}\n",
        style.strong(&inventory.folder.display().to_string())
    );
    for (kind, amount) in &inventory.kinds {
        text.push_str(&format!("{}\n", row(*amount, kind.name())));
    }
    text.push_str(&format!("{}\n", row(inventory.total(), "in all")));
    if inventory.builds.is_empty() {
        return text;
    }
    text.push_str(&format!(
        "\n{}\n",
        style.strong("build  began                      takes         own  image")
    ));
    for build in &inventory.builds {
        let began = i64::try_from(build.started).ok();
        let began = began.and_then(|began| jiff::Timestamp::from_millisecond(began).ok());
        let began = began.map_or_else(String::new, |began| {
            began.strftime("%Y-%m-%d %H:%M UTC").to_string()
        });
        text.push_str(&format!(
            "{:>5}  {began:<20}  {:>10}  {:>10}  {} {}\n",
            build.number,
            bytes(build.all.bytes),
            bytes(build.own.bytes),
            build.name,
            style.faint(&build.manifest.display().to_string())
        ));
    }
    text
}
