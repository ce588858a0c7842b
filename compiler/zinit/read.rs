//! Unit files read back, as far as the order of starting needs: what runs, how, and after what.

use saphyr_parser::{Event, Parser};

use super::lower::Dialect;
use super::unit::{Command, Kind, Probe, Unit};

/// The longest unit file that is read, and how many values it may have.
const LONGEST: usize = 1 << 20;
const MOST: usize = 10_000;

/// Reads a unit file; the error says what is wrong with it.
///
/// Commands come back as the line that stands there, whoever splits it.
pub fn read(name: &str, text: &str, dialect: Dialect) -> Result<Unit, String> {
    if text.len() > LONGEST {
        return Err("it is too large for a unit".to_owned());
    }
    match dialect {
        Dialect::Yaml => read_yaml(name, text),
        Dialect::Toml => read_toml(name, text),
    }
}

/// A unit of what runs; `true` that runs once is a point in the boot.
fn unit(name: &str, command: Option<&str>, oneshot: bool) -> Unit {
    let shell = |command: &str| Command::Shell(command.to_owned());
    match command {
        None => Unit::target(name),
        Some("true") if oneshot => Unit::target(name),
        Some(command) if oneshot => Unit::oneshot(name, shell(command)),
        Some(command) => Unit::daemon(name, shell(command)),
    }
}

fn read_toml(name: &str, text: &str) -> Result<Unit, String> {
    let table: ::toml::Table = text
        .parse()
        .map_err(|error: ::toml::de::Error| error.message().to_owned())?;
    let service = table.get("service");
    let field = |name: &str| service.and_then(|service| service.get(name));
    let command = field("exec").and_then(|exec| exec.as_str());
    if command.is_none() && !table.contains_key("target") {
        return Err("it has neither a service nor a target".to_owned());
    }
    let oneshot = field("oneshot").and_then(::toml::Value::as_bool);
    let oneshot = oneshot.unwrap_or(false);
    let mut unit = unit(name, command, oneshot);
    let listed = |kind: &str| -> Vec<String> {
        let names = table.get("dependencies").and_then(|edges| edges.get(kind));
        let names = names.and_then(::toml::Value::as_array);
        let names = names.into_iter().flatten().filter_map(|name| name.as_str());
        names.map(str::to_owned).collect()
    };
    unit.requires = listed("requires");
    unit.after = listed("after");
    unit.wants = listed("wants");
    unit.conflicts = listed("conflicts");
    let health = |name: &str| table.get("health")?.get(name)?.as_str();
    if unit.kind == Kind::Daemon
        && let Some(target) = health("target")
    {
        unit.probe = Some(match health("type") {
            Some("tcp") => Probe::Tcp(target.to_owned()),
            _ => Probe::Exec(Command::Shell(target.to_owned())),
        });
    }
    Ok(unit)
}

/// zinit 0.2 has one edge, `after`, and it binds as `requires` does.
fn read_yaml(name: &str, text: &str) -> Result<Unit, String> {
    let mut fields = YamlFields::default();
    for (count, event) in Parser::new_from_str(text).enumerate() {
        let (event, _) = event.map_err(|error| error.info().to_owned())?;
        if count > MOST {
            return Err("it has too many values".to_owned());
        }
        fields.take(&event);
    }
    let command = fields.exec.ok_or("it has no command in `exec`")?;
    let mut unit = unit(name, Some(&command), fields.oneshot);
    unit.requires = fields.after;
    if unit.kind == Kind::Daemon {
        let test = fields.test.map(Command::Shell);
        unit.probe = test.map(Probe::Exec);
    }
    Ok(unit)
}

/// What is of interest among the fields of the outermost map.
#[derive(Default)]
struct YamlFields {
    exec: Option<String>,
    test: Option<String>,
    oneshot: bool,
    after: Vec<String>,
    /// Lists and maps that are open.
    depth: usize,
    /// The field whose value comes next, or is open.
    key: Option<String>,
}

impl YamlFields {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Scalar(text, ..) => self.scalar(text),
            Event::SequenceStart(..) | Event::MappingStart(..) => self.depth += 1,
            Event::SequenceEnd | Event::MappingEnd => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 1 {
                    self.key = None;
                }
            }
            _ => {}
        }
    }

    fn scalar(&mut self, text: &str) {
        let Some(key) = &self.key else {
            if self.depth == 1 {
                self.key = Some(text.to_owned());
            }
            return;
        };
        match (key.as_str(), self.depth) {
            ("exec", 1) => self.exec = Some(text.to_owned()),
            ("test", 1) => self.test = Some(text.to_owned()),
            ("oneshot", 1) => self.oneshot = text == "true",
            ("after", 2) => self.after.push(text.to_owned()),
            _ => {}
        }
        if self.depth == 1 {
            self.key = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{lower, order};
    use super::*;

    fn units() -> Vec<Unit> {
        let argv = |words: &[&str]| Command::Argv(words.iter().map(|w| (*w).to_owned()).collect());
        let mut network = Unit::oneshot("network", argv(&["/sbin/udhcpc", "-i", "eth 0"]));
        network.environment.insert("exec".into(), "no".into());
        let mut sshd = Unit::daemon("sshd", Command::Shell("exec sshd -D\n# and on".to_owned()));
        sshd.requires = vec!["network".to_owned(), "ready".to_owned()];
        sshd.probe = Some(Probe::Tcp("[::1]:22".to_owned()));
        let mut ready = Unit::target("ready");
        ready.requires = vec!["network".to_owned()];
        vec![network, ready, sshd]
    }

    #[test]
    fn what_is_written_is_read_back_in_both_dialects() {
        for dialect in [Dialect::Yaml, Dialect::Toml] {
            let files = lower(&units(), dialect).files;
            let read: Vec<Unit> = files
                .iter()
                .map(|file| read(&file.unit, &file.text, dialect).expect("a unit"))
                .collect();
            let shape = |unit: &Unit| {
                let probed = unit.probe.is_some();
                (unit.name.clone(), unit.kind, unit.requires.clone(), probed)
            };
            let shapes = |units: &[Unit]| units.iter().map(shape).collect::<Vec<_>>();
            assert_eq!(shapes(&read), shapes(&units()), "{dialect:?}");
            let waves = |units: &[Unit]| -> Vec<(String, usize)> {
                let order = order(units, dialect).expect("no ring");
                let units = order.units.into_iter();
                units.map(|start| (start.unit, start.wave)).collect()
            };
            assert_eq!(waves(&read), waves(&units()), "{dialect:?}");
        }
    }

    #[test]
    fn what_is_no_unit_says_why() {
        let why = |text: &str, dialect| read("x", text, dialect).expect_err("no unit");
        assert_eq!(
            why("after: [a]\n", Dialect::Yaml),
            "it has no command in `exec`"
        );
        assert_eq!(
            why("[health]\n", Dialect::Toml),
            "it has neither a service nor a target"
        );
        assert!(!why("[service", Dialect::Toml).is_empty());
        assert!(!why("exec: \"\n", Dialect::Yaml).is_empty());
    }
}
