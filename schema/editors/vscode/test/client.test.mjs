// The extension's client and the real server. The editor is a stand-in (support/editor.cjs), since VS Code itself cannot be
// had everywhere; the bundle, vscode-languageclient in it, and `zosc lsp` are those that users run.

import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { activate, until } from "./support/extension.mjs";
import { zosc } from "./support/zosc.mjs";

const options = { skip: zosc.missing };
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "zosc-client-")));
const units = path.join(folder, "units.kdl");
const manifest = path.join(folder, "zos.kdl");
let editor;

const TEXT = `edition 1
image größe
import "units.kdl"
zinit dialect=toml
unit web {
    target
    requires network
}
`;

before(async () => {
  if (zosc.missing) {
    return;
  }
  writeFileSync(manifest, TEXT.replace("größe", "a"));
  writeFileSync(units, 'unit network { target }\n');
  editor = await activate(folder, { "zosc.path": zosc.path, "zosc.environment": { ZOSC_STORE: path.join(folder, "store") } });
});

after(async () => {
  await editor?.close();
  rmSync(folder, { recursive: true });
});

const found = (document) => editor.diagnostics.get(document.uri.toString()) ?? [];

/** Opens the manifest with this text and waits until the server has looked at it. */
async function typed(text) {
  const document = editor.show(manifest);
  editor.diagnostics.delete(document.uri.toString());
  editor.change(document, text);
  await until("diagnostics", () => editor.diagnostics.has(document.uri.toString()), editor);
  return document;
}

test("the server runs, and the status says so", options, async () => {
  await until("the server", () => editor.face.client()?.isRunning(), editor);
  assert.match(editor.seen.status.text, /^zosc \d+\.\d+/);
  assert.equal(editor.seen.messages.length, 0, JSON.stringify(editor.seen.messages));
});

test("problems come while someone types, with code and page, and go", options, async () => {
  const document = await typed(TEXT.replace("größe", "a").replace("dialect=toml", "dialect=tom"));
  const [problem] = await until("a problem", () => found(document).length > 0 && found(document), editor);
  assert.equal(problem.source, "zosc");
  assert.equal(problem.code.value ?? problem.code, "zosc::manifest::not-a-choice");
  assert.equal(document.getText(problem.range), "tom");
  editor.change(document, TEXT.replace("größe", "a"));
  await until("no problem", () => found(document).length === 0, editor);
});

test("a fix is offered, and leaves the manifest right", options, async () => {
  const document = await typed(TEXT.replace("größe", "a").replace("requires network", "requires netwrok"));
  const [problem] = await until("a problem", () => found(document).length > 0 && found(document), editor);
  const provider = editor.provider("CodeActionsProvider", document);
  const context = { diagnostics: [problem], only: undefined, triggerKind: 1 };
  const actions = await provider.provideCodeActions(document, problem.range, context, editor.token);
  const fix = actions.find(({ edit }) => edit !== undefined);
  assert.ok(fix !== undefined, JSON.stringify(actions));
  await editor.vscode.workspace.applyEdit(fix.edit);
  assert.match(document.getText(), /requires network\n/);
});

test("a manifest is laid out", options, async () => {
  const document = await typed('edition   1\nimage a\nunit web {\nexec   "/bin/ö"   // größer\n}\n');
  const provider = editor.provider("DocumentFormattingEditProvider", document);
  const edits = await provider.provideDocumentFormattingEdits(document, { tabSize: 4, insertSpaces: true }, editor.token);
  assert.equal(editor.applied(document, edits), 'edition 1\nimage a\nunit web {\n    exec "/bin/ö" // größer\n}\n');
});

test("names and words are completed, in a text that is broken", options, async () => {
  const text = TEXT.replace("größe", "a").replace("requires network", "requires ");
  const document = await typed(text);
  const provider = editor.provider("CompletionItemProvider", document);
  const complete = async (place) => {
    const position = document.positionAt(document.getText().indexOf(place) + place.length);
    const found = await provider.provideCompletionItems(document, position, editor.token, { triggerKind: 0 });
    return (found.items ?? found).map(({ label }) => label.label ?? label);
  };
  await until("a unit of the imported file", async () => (await complete("requires ")).includes("network"), editor);
  const members = await complete("target\n    ");
  assert.ok(members.includes("requires"), members.join());
});

test("a hover tells what a word means", options, async () => {
  const document = await typed(TEXT.replace("größe", "a"));
  const provider = editor.provider("HoverProvider", document);
  const position = document.positionAt(document.getText().indexOf("dialect") + 2);
  const hover = await provider.provideHover(document, position, editor.token);
  assert.match(hover.contents.map(({ value }) => value ?? "").join(), /form in which it reads its units/);
});

test("the code lenses of the server are commands of the extension", options, async () => {
  const document = await typed(TEXT.replace("größe", "a"));
  const lenses = await editor.provider("CodeLensProvider", document).provideCodeLenses(document, editor.token);
  const titles = lenses.map(({ command }) => command.title);
  assert.ok(titles.includes("build this image"), titles.join());
  for (const { command } of lenses) {
    assert.ok(editor.commands.has(command.command), command.command);
  }
  const { command } = lenses.find(({ command }) => command.title === "build this image");
  editor.seen.tasks.length = 0;
  await editor.vscode.commands.executeCommand(command.command, ...command.arguments);
  assert.deepEqual(
    editor.seen.tasks.map(({ execution }) => [execution.options.cwd, ...execution.args]),
    [[folder, "build", "zos.kdl"]],
  );
});

test("a unit is renamed in every file", options, async () => {
  const document = await typed(TEXT.replace("größe", "a"));
  const imported = editor.show(units);
  const provider = editor.provider("RenameProvider", document);
  const position = document.positionAt(document.getText().indexOf("requires network") + 10);
  const edit = await provider.provideRenameEdits(document, position, "lan", editor.token);
  await editor.vscode.workspace.applyEdit(edit);
  assert.match(document.getText(), /requires lan\n/);
  assert.equal(imported.getText(), "unit lan { target }\n");
  editor.change(document, TEXT.replace("größe", "a"));
  editor.change(imported, "unit network { target }\n");
});

test("an imported file is in the language of its manifest, and other KDL is not", options, async () => {
  writeFileSync(path.join(folder, "other.kdl"), "layout { pane }\n");
  editor.change(editor.show(manifest), TEXT.replace("größe", "a"));
  const imported = editor.show(units);
  const other = editor.show(path.join(folder, "other.kdl"));
  assert.equal(imported.languageId, "zos-kdl");
  assert.equal(other.languageId, "plaintext");
  editor.change(imported, "unit network { targt }\n");
  await until("a problem", () => found(imported).some(({ code }) => (code.value ?? code) === "zosc::manifest::unknown-node"), editor);
  assert.equal(found(other).length, 0);
  editor.change(imported, "unit network { target }\n");
});

test("the server is started anew when its settings change, and on request", options, async () => {
  const before = editor.face.client();
  editor.fire("settings", { affectsConfiguration: (name) => name === "zosc.arguments" });
  await until("another client", () => editor.face.client()?.isRunning() && editor.face.client() !== before, editor);
  await editor.vscode.commands.executeCommand("zosc.restart");
  assert.ok(editor.face.client().isRunning());
  const document = await typed("edition 2\n");
  await until("a problem", () => found(document).length > 0, editor);
});
