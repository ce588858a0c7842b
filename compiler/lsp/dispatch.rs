//! Which feature answers which request: one table.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::Client;
use super::project::Project;
use super::protocol::{self as lsp, ErrorCode, Request, ResponseError, ServerCapabilities};
use super::view::{View, Workspace};
use super::{
    code_actions, completion, contents, folding, formatting, hover, inlay, lens, links, navigation,
    renaming, selection, signature, symbols, tokens,
};

/// Every request that a feature answers. An entry says how the client learns of it.
pub(super) fn table() -> Vec<Feature> {
    vec![
        Feature::document::<lsp::CodeActionRequest>(|view, parameters| {
            Some(code_actions::code_actions(view, parameters))
        })
        .when_checked()
        .offered(code_actions::offer),
        Feature::document::<lsp::CompletionRequest>(completion::completion)
            .offered(completion::offer),
        Feature::document::<lsp::SignatureHelpRequest>(signature::signature)
            .offered(signature::offer),
        Feature::document::<lsp::HoverRequest>(hover::hover)
            .offered(|offers, _| offers.hover_provider = Some(true.into())),
        Feature::document::<lsp::InlayHintRequest>(|view, asked| Some(inlay::hints(view, &asked)))
            .offered(|offers, _| offers.inlay_hint_provider = Some(true.into())),
        Feature::document::<lsp::CodeLensRequest>(|view, _| Some(lens::lenses(view)))
            .offered(|offers, _| offers.code_lens_provider = Some(lsp::CodeLensOptions::default())),
        Feature::document::<lsp::DocumentFormattingRequest>(formatting::document)
            .offered(|offers, _| offers.document_formatting_provider = Some(true.into())),
        Feature::document::<lsp::DocumentRangeFormattingRequest>(formatting::range)
            .offered(|offers, _| offers.document_range_formatting_provider = Some(true.into())),
        Feature::workspace::<lsp::TextDocumentContentRequest>(contents::contents)
            .offered(contents::offer),
        Feature::document::<lsp::DefinitionRequest>(navigation::definition)
            .offered(|offers, _| offers.definition_provider = Some(true.into())),
        Feature::document::<lsp::ReferencesRequest>(navigation::references)
            .offered(|offers, _| offers.references_provider = Some(true.into())),
        Feature::document::<lsp::DocumentHighlightRequest>(navigation::highlights)
            .offered(|offers, _| offers.document_highlight_provider = Some(true.into())),
        Feature::fallible::<lsp::PrepareRenameRequest>(renaming::prepare),
        Feature::fallible::<lsp::RenameRequest>(renaming::edit).offered(renaming::offer),
        Feature::document::<lsp::DocumentLinkRequest>(links::links).offered(|offers, _| {
            offers.document_link_provider = Some(lsp::DocumentLinkOptions::default());
        }),
        Feature::document::<lsp::DocumentSymbolRequest>(symbols::document_symbols)
            .offered(|offers, _| offers.document_symbol_provider = Some(true.into())),
        Feature::workspace::<lsp::WorkspaceSymbolRequest>(|workspace, parameters| {
            Ok(Some(symbols::workspace_symbols(workspace, &parameters)))
        })
        .offered(|offers, _| offers.workspace_symbol_provider = Some(true.into())),
        Feature::document::<lsp::FoldingRangeRequest>(folding::folding_ranges)
            .offered(|offers, _| offers.folding_range_provider = Some(true.into())),
        Feature::document::<lsp::SelectionRangeRequest>(selection::selection_ranges)
            .offered(|offers, _| offers.selection_range_provider = Some(true.into())),
        Feature::document::<lsp::SemanticTokensRequest>(tokens::full).offered(tokens::offer),
        Feature::document::<lsp::SemanticTokensRangeRequest>(tokens::range),
    ]
}

/// What a request comes to.
pub(super) type Answer = Result<Value, ResponseError>;

type Run = Box<dyn Fn(&Workspace, &AtomicBool, Value) -> Answer + Send + Sync>;
type Offer = fn(&mut ServerCapabilities, &Client);

/// A request and the function that answers it.
pub(super) struct Feature {
    /// The method.
    pub(super) method: &'static str,
    /// Whether it is answered only once the texts as they are have been checked.
    pub(super) is_about_checks: bool,
    /// Answers one request.
    pub(super) run: Run,
    /// Tells a client about it, in its capabilities.
    pub(super) offer: Offer,
}

impl Feature {
    /// A request about one document; where that is not open, or is no manifest, the answer is `null`.
    fn document<R: Request>(
        feature: impl Fn(&View<'_>, R::Params) -> R::Result + Send + Sync + 'static,
    ) -> Self {
        Self::fallible::<R>(move |view, parameters| Ok(feature(view, parameters)))
    }

    /// The same, where the request may be refused; the reason is shown to the user.
    fn fallible<R: Request>(
        feature: impl Fn(&View<'_>, R::Params) -> Result<R::Result, String> + Send + Sync + 'static,
    ) -> Self {
        Self::new::<R>(move |workspace, cancelled, parameters| {
            let uri = parameters.pointer("/textDocument/uri");
            let uri = lsp::Uri(uri.and_then(Value::as_str).unwrap_or_default().to_owned());
            let Some(document) = workspace.document(&uri).filter(|open| open.is_manifest()) else {
                return Ok(Value::Null);
            };
            let unknown;
            let project = if let Some(project) = workspace.project(&document.path) {
                project
            } else {
                // Which one it belongs to is being found out.
                unknown = Project::new(&document.path, Path::new("/"));
                &unknown
            };
            let view = View {
                document,
                project,
                knowledge: &project.knowledge,
                workspace,
                client: &workspace.client,
                cancelled,
            };
            let result = feature(&view, decode(parameters)?);
            encode(&result.map_err(|reason| fault(ErrorCode::RequestFailed, reason))?)
        })
    }

    /// A request about no document in particular, which may be refused.
    fn workspace<R: Request>(
        feature: impl Fn(&Workspace, R::Params) -> Result<R::Result, String> + Send + Sync + 'static,
    ) -> Self {
        Self::new::<R>(move |workspace, _, parameters| {
            let result = feature(workspace, decode(parameters)?);
            encode(&result.map_err(|reason| fault(ErrorCode::RequestFailed, reason))?)
        })
    }

    fn new<R: Request>(
        run: impl Fn(&Workspace, &AtomicBool, Value) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self {
            method: R::METHOD.as_str(),
            is_about_checks: false,
            run: Box::new(run),
            offer: |_, _| {},
        }
    }

    /// Lets it wait for the check of the texts as they are.
    fn when_checked(self) -> Self {
        Self {
            is_about_checks: true,
            ..self
        }
    }

    /// Says how a client learns of it.
    fn offered(self, offer: Offer) -> Self {
        Self { offer, ..self }
    }
}

/// Why a request gets no result.
pub(super) fn fault(code: ErrorCode, message: impl Into<String>) -> ResponseError {
    ResponseError {
        code: code as i32,
        message: message.into(),
        data: None,
    }
}

/// The parameters of a request or a notification.
pub(super) fn decode<P: DeserializeOwned>(parameters: Value) -> Result<P, ResponseError> {
    serde_json::from_value(parameters)
        .map_err(|error| fault(ErrorCode::InvalidParams, error.to_string()))
}

fn encode(result: &impl serde::Serialize) -> Answer {
    serde_json::to_value(result).map_err(|error| fault(ErrorCode::InternalError, error.to_string()))
}
