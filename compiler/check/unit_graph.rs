//! Who waits for whom: edges between units, and rings of them.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, is_slip, nearest};
use crate::source::{Span, Spanned};
use crate::zinit::{self, Cycle, Edge, EdgeKind, Target, Unit};

use super::units::Pair;
use super::{Ctx, word};

/// Refuses edges that lead nowhere and units that wait for one another.
///
/// A unit may come `after` one that is switched off, and may want or exclude one: only what it requires must be there.
pub(super) fn check(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>], disabled: &BTreeMap<String, Span>) {
    let mut units: Vec<Unit> = pairs.iter().map(|pair| pair.unit.clone()).collect();
    let off = disabled.keys().map(|name| Unit {
        enabled: false,
        ..Unit::target(name.clone())
    });
    let all: Vec<Unit> = units.iter().cloned().chain(off).collect();
    let names: Vec<&str> = pairs.iter().map(|pair| pair.unit.name.as_str()).collect();
    for reference in zinit::references(&all) {
        let edge = &reference.edge;
        let span = place(pairs, edge);
        match reference.target {
            Target::Enabled => {}
            Target::Disabled if edge.kind != EdgeKind::Requires => {}
            Target::Disabled | Target::Unknown => {
                let others = names.iter().copied().filter(|name| *name != edge.from);
                let others: Vec<&str> = others.collect();
                unknown(
                    ctx,
                    &edge.to,
                    span,
                    &others,
                    disabled.get(&edge.to).copied(),
                );
            }
            Target::Itself => ctx.push(
                Diagnostic::error(
                    "zosc::check::self-edge",
                    format!("the unit `{}` {} itself", edge.from, phrase(edge.kind)),
                )
                .at(span)
                .help("remove it"),
            ),
        }
    }
    contradictions(ctx, pairs);
    // A unit that waits for itself has been told of, and would hide larger rings.
    for unit in &mut units {
        let own = unit.name.clone();
        for list in [&mut unit.requires, &mut unit.after, &mut unit.wants] {
            list.retain(|name| *name != own);
        }
    }
    for cycle in zinit::cycles(&units) {
        ring(ctx, pairs, &cycle);
    }
}

/// Says that there is no such unit, or that it is switched off.
pub(super) fn unknown(
    ctx: &mut Ctx<'_>,
    name: &str,
    span: Span,
    names: &[&str],
    disabled: Option<Span>,
) {
    if let Some(disabled) = disabled {
        ctx.push(
            Diagnostic::error(
                "zosc::check::disabled-unit",
                format!("the unit `{name}` is switched off"),
            )
            .label(span, "needed here")
            .label(disabled, "switched off here")
            .help("switch off what needs it as well, or remove `disabled`"),
        );
        return;
    }
    if ctx.declared.may_have("unit", name) {
        return;
    }
    let problem = Diagnostic::error(
        "zosc::check::unknown-unit",
        format!("there is no unit `{name}`"),
    )
    .at(span);
    ctx.push(match nearest(name, names.iter().copied()) {
        Some(near) => {
            let quoted = ctx.sources.slice(span).starts_with('"');
            let text = if quoted {
                super::quoted(near)
            } else {
                word(near)
            };
            problem
                .help(format!("did you mean `{near}`?"))
                .replace(format!("write `{near}`"), span, text)
                .safe_if(is_slip(name, names.iter().copied()))
        }
        None => problem.help(format!(
            "add `unit {name} {{ … }}` or an import that brings it; `unit {name} {{ external }}` if it comes while the machine runs"
        )),
    });
}

fn contradictions(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>]) {
    for pair in pairs {
        for conflict in &pair.written.conflicts {
            let required = pair.written.requires.iter().find(|name| *name == conflict);
            if let Some(required) = required {
                ctx.push(
                    Diagnostic::error(
                        "zosc::check::contradictory-edges",
                        format!(
                            "the unit `{}` requires `{}` and excludes it",
                            pair.unit.name, conflict.value
                        ),
                    )
                    .label(conflict.span, "excluded here")
                    .label(required.span, "required here")
                    .help("remove one of the two"),
                );
            }
        }
    }
}

fn ring(ctx: &mut Ctx<'_>, pairs: &[Pair<'_>], cycle: &Cycle) {
    let mut problem = Diagnostic::error(
        "zosc::check::unit-cycle",
        format!(
            "units wait for one another: `{}`",
            cycle.path().join("` → `")
        ),
    );
    for edge in &cycle.edges {
        problem = problem.label(
            place(pairs, edge),
            format!("`{}` {} `{}`", edge.from, phrase(edge.kind), edge.to),
        );
    }
    ctx.push(problem.help("remove one of these edges; zinit would start none of these units"));
}

fn phrase(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Requires => "requires",
        EdgeKind::After => "comes after",
        EdgeKind::Wants => "wants",
        EdgeKind::Conflicts => "excludes",
    }
}

/// Where an edge is written.
fn place(pairs: &[Pair<'_>], edge: &Edge) -> Span {
    let pair = pairs.iter().find(|pair| pair.unit.name == edge.from);
    let Some(written) = pair.map(|pair| pair.written) else {
        return Span::new(crate::source::SourceId(0), 0, 0);
    };
    let list: &[Spanned<String>] = match edge.kind {
        EdgeKind::Requires => &written.requires,
        EdgeKind::After => &written.after,
        EdgeKind::Wants => &written.wants,
        EdgeKind::Conflicts => &written.conflicts,
    };
    let name = list.iter().find(|name| name.value == edge.to);
    name.map_or(written.name.span, |name| name.span)
}
