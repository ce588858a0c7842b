//! A plan as text for people.

use crate::build::Status;
use crate::cli::page::{Cell, Page, Tone};
use crate::cli::render::Style;
use crate::plan::Stage;

use super::Row;

/// Stages with their actions, and a line that counts them all, also those that are not shown.
pub(super) fn text(rows: &[Row<'_>], all: &[Row<'_>], style: Style) -> String {
    let mut page = Page::new(style);
    for stage in Stage::ALL {
        let actions: Vec<&Row<'_>> = rows
            .iter()
            .filter(|row| row.planned.stage == stage)
            .collect();
        if actions.is_empty() {
            continue;
        }
        let stale = actions.iter().filter(|row| row.is_stale()).count();
        let summary = if stale == 0 {
            "stored".to_owned()
        } else {
            format!("{stale} of {} to do", actions.len())
        };
        page.row(
            0,
            &[Cell::new(Tone::Strong, stage.name()), Cell::faint(summary)],
        );
        page.table(2, &actions.into_iter().map(row).collect::<Vec<_>>());
    }
    page.row(0, &[Cell::plain(counts(all))]);
    page.finish()
}

fn row(row: &Row<'_>) -> Vec<Cell> {
    let (sign, remark) = match row.status {
        Status::Cached(digest) => (Cell::new(Tone::Good, "✓"), digest.short()),
        Status::Stale(reason) => {
            let sign = if row.is_behind() { "◦" } else { "•" };
            (Cell::new(Tone::Verb, sign), reason.to_string())
        }
    };
    vec![sign, Cell::plain(&row.planned.label), Cell::faint(remark)]
}

/// How many there are, how many are to do, and how many of those may yet be spared.
fn counts(rows: &[Row<'_>]) -> String {
    let stale = rows.iter().filter(|row| row.is_stale()).count();
    let behind = rows.iter().filter(|row| row.is_behind()).count();
    let all = match rows.len() {
        1 => format!("1 action, {stale} to do"),
        many => format!("{many} actions, {stale} to do"),
    };
    if behind == 0 {
        return all;
    }
    let certain = stale - behind;
    format!(
        "{all}: {certain} for certain, {behind} behind them, spared where what they need comes out as before"
    )
}
