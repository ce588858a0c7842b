use proptest::prelude::*;

use super::*;
use crate::zinit::Signal;

fn program() -> Command {
    Command::Argv(vec!["/bin/x".to_owned()])
}

/// A unit that requires some units and comes after others.
fn unit(kind: Kind, name: &str, requires: &[&str], after: &[&str]) -> Unit {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Unit {
        requires: names(requires),
        after: names(after),
        ..Unit::new(name, kind, Some(program()).filter(|_| kind != Kind::Target))
    }
}

/// `wave name: edge other, …` for every unit.
fn told(order: &BootOrder) -> Vec<String> {
    let wait = |wait: &Wait| {
        let tried = if wait.until == Until::Tried { "?" } else { "" };
        format!(" {} {}{tried}", wait.edge, wait.unit)
    };
    let line = |start: &Start| {
        let waits: Vec<String> = start.waits.iter().map(wait).collect();
        format!("{} {}:{}", start.wave, start.unit, waits.join(","))
    };
    order.units.iter().map(line).collect()
}

fn example() -> Vec<Unit> {
    let mut wishing = unit(Kind::Daemon, "wishing", &[], &[]);
    wishing.wants = vec!["late".to_owned()];
    wishing.conflicts = vec!["early".to_owned()];
    let off = Unit {
        enabled: false,
        ..unit(Kind::Daemon, "off", &["late"], &[])
    };
    vec![
        unit(Kind::Target, "late", &["early", "middle"], &["early"]),
        unit(Kind::Daemon, "middle", &[], &["early", "nowhere", "off"]),
        unit(Kind::Oneshot, "early", &[], &[]),
        wishing,
        off,
    ]
}

#[test]
fn order_alone_waits_for_a_try_in_one_dialect_and_for_success_in_the_other() {
    let toml = order(&example(), Dialect::Toml).expect("there is no ring");
    assert_eq!(
        told(&toml),
        [
            "1 early:",
            "1 wishing:",
            "2 middle: after early?",
            "3 late: requires early, requires middle",
        ]
    );
    let yaml = order(&example(), Dialect::Yaml).expect("there is no ring");
    assert_eq!(told(&yaml)[2], "2 middle: after early");
    let lost = |order: &BootOrder| order.lost_without("early").len();
    assert_eq!((lost(&toml), lost(&yaml)), (1, 2));
    assert_eq!(toml.waves, 3);
}

#[test]
fn each_unit_knows_its_chain_and_who_hangs_on_it() {
    let order = order(&example(), Dialect::Toml).expect("there is no ring");
    let names = |list: Vec<&Start>| -> Vec<String> {
        list.iter().map(|start| start.unit.clone()).collect()
    };
    let late = order.find("late").expect("it is there");
    assert_eq!(
        order.last_wait(late).map(|wait| wait.unit.as_str()),
        Some("middle")
    );
    assert_eq!(names(order.before("late")), ["early", "middle"]);
    assert_eq!(names(order.behind("early")), ["middle", "late"]);
    assert_eq!(
        order.find("early").expect("there").holds,
        ["late", "middle"]
    );
    assert!(order.before("early").is_empty() && order.find("off").is_none());
}

#[test]
fn a_unit_is_up_when_its_dialect_takes_it_for_up() {
    let up = |change: &dyn Fn(&mut Unit), kind, dialect| {
        let mut unit = unit(kind, "u", &[], &[]);
        unit.stop_signal = Some(Signal::TERMINATE);
        change(&mut unit);
        let order = order(&[unit], dialect).expect("there is no ring");
        order.units[0].up.clone()
    };
    let nothing = |_: &mut Unit| {};
    assert_eq!(up(&nothing, Kind::Daemon, Dialect::Toml), Up::Started);
    assert_eq!(up(&nothing, Kind::Target, Dialect::Yaml), Up::Reached);
    let hour = Some(3_600_000);
    assert_eq!(
        up(&nothing, Kind::Oneshot, Dialect::Toml),
        Up::Exit { within: hour }
    );
    assert_eq!(
        up(&nothing, Kind::Oneshot, Dialect::Yaml),
        Up::Exit { within: None }
    );
    let never = |unit: &mut Unit| unit.restart = Restart::Never;
    assert_eq!(up(&never, Kind::Daemon, Dialect::Toml), Up::Started);
    assert_eq!(
        up(&never, Kind::Daemon, Dialect::Yaml),
        Up::Exit { within: None }
    );
    let probed = |unit: &mut Unit| {
        unit.probe = Some(Probe::Tcp("h:1".to_owned()));
        unit.start_timeout = Some(Duration::from_secs(2));
    };
    let address = "h:1".to_owned();
    let within = Some(2000);
    assert_eq!(
        up(&probed, Kind::Daemon, Dialect::Toml),
        Up::Tcp { address, within }
    );
    let tested = |unit: &mut Unit| unit.probe = Some(Probe::Exec(program()));
    let command = "/bin/x".to_owned();
    let within = Some(30_000);
    assert_eq!(
        up(&tested, Kind::Daemon, Dialect::Toml),
        Up::Test { command, within }
    );
}

#[test]
fn a_unit_from_elsewhere_is_waited_for_by_one_generation_only() {
    let units = [
        Unit::external("later"),
        unit(Kind::Daemon, "a", &[], &["later"]),
    ];
    let told = |dialect| told(&order(&units, dialect).expect("there is no ring"));
    assert_eq!(told(Dialect::Yaml), ["1 later:", "2 a: after later"]);
    assert_eq!(told(Dialect::Toml), ["1 a:", "1 later:"]);
}

proptest! {
    #[test]
    fn a_wave_lies_right_behind_the_last_that_it_waits_for(
        edges in prop::collection::vec((0usize..8, 0usize..8), 0..16)
    ) {
        let name = |index: usize| format!("u{index}");
        let mut units: Vec<Unit> = (0..8).map(|index| Unit::daemon(name(index), program())).collect();
        for (from, to) in edges {
            units[from].requires.push(name(to));
        }
        match order(&units, Dialect::Yaml) {
            Ok(order) => {
                prop_assert_eq!(order.units.len(), 8);
                for start in &order.units {
                    let waves = start.waits.iter().map(|wait| order.find(&wait.unit).map(|start| start.wave));
                    prop_assert_eq!(waves.max().flatten().unwrap_or(0) + 1, start.wave);
                }
            }
            Err(rings) => {
                prop_assert!(!rings.is_empty());
                for ring in rings {
                    let path = ring.path();
                    prop_assert_eq!(path.first(), path.last());
                    prop_assert!(path.len() >= 2);
                }
            }
        }
    }
}
