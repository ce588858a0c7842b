//! What can be done about a place: the fixes of its problems, all fixes that are beyond doubt at once, other ways to write it.

mod rewriting;

use std::ops::Range;

use crate::check;
use crate::diagnostic::{Applicability, Diagnostic, Fix};

use super::client::Client;
use super::difference::replacements;
use super::edit::Changes;
use super::project::settings;
use super::protocol::{self as lsp, CodeActionKind};
use super::publish::Places;
use super::text::Text;
use super::view::View;

/// Every fix that `zosc check --fix` makes.
const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.zosc");

/// Tells a client that shows actions with a title of their own about them.
pub(super) fn offer(offers: &mut lsp::ServerCapabilities, client: &Client) {
    if !client.has("/textDocument/codeAction/codeActionLiteralSupport") {
        return;
    }
    let options = lsp::CodeActionOptions {
        code_action_kinds: Some(vec![
            CodeActionKind::QuickFix,
            CodeActionKind::RefactorRewrite,
            FIX_ALL,
        ]),
        ..lsp::CodeActionOptions::default()
    };
    offers.code_action_provider = Some(options.into());
}

/// The actions for a range.
pub(super) fn code_actions(
    view: &View<'_>,
    parameters: lsp::CodeActionParams,
) -> Vec<lsp::CodeActionResponse> {
    let document = view.document;
    let checked = &view.project.checked;
    let is_current = checked.is_about(&document.path, document.text.as_str());
    let context = &parameters.context;
    let range = document.text.bytes(parameters.range, view.client.encoding);
    let mut actions = Vec::new();
    if is_current && is_wanted(context, &CodeActionKind::QuickFix) {
        let places = Places::new(view.client, &checked.sources, &view.project.entry);
        for problem in problems_at(view, &range) {
            actions.extend(fixes(view, &places, problem));
        }
    }
    if is_wanted(context, &CodeActionKind::RefactorRewrite) {
        actions.extend(rewriting::rewritings(view, range.start));
    }
    let asks_unasked = context.trigger_kind == Some(lsp::CodeActionTriggerKind::Automatic);
    let wants_all = context.only.is_some() || !asks_unasked;
    if is_current && wants_all && is_wanted(context, &FIX_ALL) {
        actions.extend(fix_all(view));
    }
    actions.into_iter().map(Into::into).collect()
}

/// Whether the client asks for actions of a kind.
fn is_wanted(context: &lsp::CodeActionContext, kind: &CodeActionKind) -> bool {
    let Some(only) = &context.only else {
        return true;
    };
    only.iter().any(|wanted| {
        let rest = kind.as_str().strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('.') || wanted.as_str().is_empty()
        })
    })
}

/// The problems whose first place meets a range of the document.
fn problems_at<'a>(view: &View<'a>, range: &Range<usize>) -> Vec<&'a Diagnostic> {
    let checked = &view.project.checked;
    let source = checked.source(&view.document.path).map(|(id, _)| id);
    let is_entry = view.document.path == view.project.entry;
    let meets = |problem: &&Diagnostic| match problem.labels.first() {
        Some(label) => {
            let at = label.span.range();
            Some(label.span.source) == source && at.start <= range.end && range.start <= at.end
        }
        // What has no place is shown at the start of the manifest.
        None => is_entry && range.start == 0,
    };
    checked.diagnostics.iter().filter(meets).collect()
}

/// An action for each fix of a problem; the first one that is beyond doubt is what a single key may apply.
fn fixes(view: &View<'_>, places: &Places<'_>, problem: &Diagnostic) -> Vec<lsp::CodeAction> {
    let (_, told) = places.problem(view.workspace, problem);
    let safe = |fix: &Fix| fix.applicability == Applicability::Safe;
    let preferred = problem.fixes.iter().position(safe);
    let mut actions = Vec::new();
    for (number, fix) in problem.fixes.iter().enumerate() {
        let Some(edit) = edit(view, fix) else {
            continue;
        };
        actions.push(lsp::CodeAction {
            title: fix.title.clone(),
            kind: Some(CodeActionKind::QuickFix),
            diagnostics: Some(vec![told.clone()]),
            is_preferred: (preferred == Some(number)).then_some(true),
            edit: Some(edit),
            ..lsp::CodeAction::default()
        });
    }
    actions
}

/// The change of a fix; `None` where it is about what cannot be written, or about a text that has changed meanwhile.
fn edit(view: &View<'_>, fix: &Fix) -> Option<lsp::WorkspaceEdit> {
    let sources = &view.project.checked.sources;
    let mut changes = Changes::default();
    for edit in &fix.edits {
        let source = sources.get(edit.span.source)?;
        let path = source.file.as_deref()?;
        if let Some(open) = view.workspace.documents.get(path)
            && *open.text.as_str() != *source.text
        {
            return None;
        }
        let text = Text::new(source.text.clone());
        changes.replace(view.workspace, path, &text, edit.span.range(), &*edit.text);
    }
    Some(changes.finish(view.workspace))
}

/// Everything in the document that is beyond doubt, as `zosc check --fix` does it.
fn fix_all(view: &View<'_>) -> Option<lsp::CodeAction> {
    let (document, project) = (view.document, view.project);
    let mut problems = project.checked.diagnostics.iter();
    let is_safe = |fix: &Fix| fix.applicability == Applicability::Safe;
    if !problems.any(|problem| problem.fixes.iter().any(is_safe)) {
        return None;
    }
    let fixed = check::fix(&project.entry, &settings(&project.folder), view.files());
    let change = fixed
        .changes
        .iter()
        .find(|change| change.file == document.path)?;
    let mut changes = Changes::default();
    for (range, text) in replacements(document.text.as_str(), &change.after) {
        changes.replace(view.workspace, &document.path, &document.text, range, text);
    }
    Some(lsp::CodeAction {
        title: "Apply all fixes that are beyond doubt".to_owned(),
        kind: Some(FIX_ALL),
        edit: Some(changes.finish(view.workspace)),
        ..lsp::CodeAction::default()
    })
}
