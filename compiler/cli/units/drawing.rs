//! The boot order as a graph for other programs: Graphviz and Mermaid.
//!
//! Names stand in quotes with everything escaped that means something there, and the identity of a node is a number, so
//! that no name can be taken for anything else.

use crate::zinit::{Kind, Until};

use super::{Placed, Report};

/// A graph in the language of Graphviz: an arrow leads from a unit to the one that waits for it, dashed where only the order
/// counts; units of one wave stand side by side.
pub(super) fn dot(report: &Report<'_>) -> String {
    let mut text = format!("digraph {} {{\n", dot_quoted(report.image));
    text.push_str("  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (number, unit) in report.units.iter().enumerate() {
        let shape = match unit.start.kind {
            Kind::Daemon => "box",
            Kind::Oneshot => "ellipse",
            Kind::Target => "diamond",
            Kind::External => "cds",
        };
        let label = dot_quoted(&unit.start.unit);
        let place = dot_quoted(&unit.place());
        text.push_str(&format!(
            "  n{number} [label={label}, shape={shape}, tooltip={place}];\n"
        ));
    }
    for wave in waves(report) {
        let nodes: Vec<String> = wave.iter().map(|number| format!("n{number}")).collect();
        text.push_str(&format!("  {{ rank=same; {}; }}\n", nodes.join("; ")));
    }
    for (from, to, until) in arrows(report) {
        let style = match until {
            Until::Up => "",
            Until::Tried => " [style=dashed]",
        };
        text.push_str(&format!("  n{from} -> n{to}{style};\n"));
    }
    text + "}\n"
}

/// A flowchart in the language of Mermaid, with the same arrows.
pub(super) fn mermaid(report: &Report<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, unit) in report.units.iter().enumerate() {
        let label = mermaid_quoted(&unit.start.unit);
        let node = match unit.start.kind {
            Kind::Daemon => format!("[{label}]"),
            Kind::Oneshot => format!("([{label}])"),
            Kind::Target => format!("{{{{{label}}}}}"),
            Kind::External => format!("[/{label}/]"),
        };
        text.push_str(&format!("  n{number}{node}\n"));
    }
    for (from, to, until) in arrows(report) {
        let arrow = match until {
            Until::Up => "-->",
            Until::Tried => "-.->",
        };
        text.push_str(&format!("  n{from} {arrow} n{to}\n"));
    }
    text
}

/// The numbers of the units of each wave.
fn waves(report: &Report<'_>) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = vec![Vec::new(); report.waves];
    for (number, unit) in report.units.iter().enumerate() {
        if let Some(wave) = waves.get_mut(unit.start.wave.saturating_sub(1)) {
            wave.push(number);
        }
    }
    waves.retain(|wave| wave.len() > 1);
    waves
}

/// Who is waited for, who waits, and for what; by the numbers of the units.
fn arrows(report: &Report<'_>) -> Vec<(usize, usize, Until)> {
    let number = |name: &str| {
        let is_it = |unit: &Placed<'_>| unit.start.unit == name;
        report.units.iter().position(is_it)
    };
    let mut arrows = Vec::new();
    for (to, unit) in report.units.iter().enumerate() {
        for wait in &unit.start.waits {
            arrows.extend(number(&wait.unit).map(|from| (from, to, wait.until)));
        }
    }
    arrows
}

/// A string of Graphviz: `"` and `\` are all that means something in it.
fn dot_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A string of Mermaid, in which everything else is written by number.
fn mermaid_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            plain if plain.is_alphanumeric() || matches!(plain, '-' | '_' | '.' | ' ') => {
                quoted.push(plain);
            }
            other => quoted.push_str(&format!("#{};", u32::from(other))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(dot_quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(dot_quoted("a\nb"), "\"a b\"");
        assert_eq!(
            mermaid_quoted("a\"] --> b; x"),
            "\"a#34;#93; --#62; b#59; x\""
        );
        assert_eq!(mermaid_quoted("stage1-modules"), "\"stage1-modules\"");
    }
}
