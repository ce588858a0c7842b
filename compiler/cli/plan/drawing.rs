//! A plan as a graph.

use std::fmt::Write as _;

use crate::plan::Stage;

use super::Row;

/// The actions as a graph for Graphviz, stage by stage; an arrow leads from an action to one that needs what it yields.
pub(super) fn dot(rows: &[Row<'_>]) -> String {
    let mut text =
        String::from("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=filled];\n");
    for stage in Stage::ALL {
        let mut actions = rows
            .iter()
            .filter(|row| row.planned.stage == stage)
            .peekable();
        if actions.peek().is_none() {
            continue;
        }
        let name = stage.name();
        put(
            &mut text,
            format_args!("  subgraph cluster_{name} {{\n    label={name};\n"),
        );
        for row in actions {
            let colour = match (row.is_stale(), row.is_behind()) {
                (false, _) => "palegreen",
                (true, false) => "orange",
                (true, true) => "moccasin",
            };
            let label = row.planned.label.replace('\\', "\\\\").replace('"', "\\\"");
            let id = row.id.0;
            put(
                &mut text,
                format_args!("    a{id} [label=\"{label}\", fillcolor={colour}];\n"),
            );
        }
        text.push_str("  }\n");
    }
    let is_shown = |id| rows.iter().any(|row| row.id == id);
    for row in rows {
        for need in row
            .planned
            .action
            .needs()
            .into_iter()
            .filter(|id| is_shown(*id))
        {
            put(&mut text, format_args!("  a{} -> a{};\n", need.0, row.id.0));
        }
    }
    text + "}\n"
}

fn put(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more)
        .expect("writing to a String does not fail");
}
