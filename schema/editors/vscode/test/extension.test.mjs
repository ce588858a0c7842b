// What the extension does by itself, without a server.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { activate } from "./support/extension.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "zosc-vscode-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(path.join(folder, "zos.kdl"), "edition 1\n");

test("a zosc that is not there is told of, with what to do", async () => {
  const editor = await activate(folder, { "zosc.path": "/nowhere/zosc" });
  assert.deepEqual(editor.seen.messages, [["error", "zosc was not found: there is no program `/nowhere/zosc`. Install zosc, or say where it is."]]);
  assert.match(editor.seen.status.text, /`\/nowhere\/zosc` was not found/);
  assert.equal(editor.seen.status.command.command, "zosc.restart");
  assert.equal(editor.face.client(), undefined);
  await editor.close();
});

test("a program that is no language server is told of", async () => {
  const program = path.join(folder, "not-zosc");
  writeFileSync(program, "#!/bin/sh\necho 'error: unrecognized subcommand' >&2\nexit 2\n");
  chmodSync(program, 0o755);
  const editor = await activate(folder, { "zosc.path": "./not-zosc" });
  assert.ok(
    editor.seen.messages.some(([kind, message]) => kind === "error" && message.includes(`\`${program} lsp\` did not start`)),
    JSON.stringify(editor.seen),
  );
  assert.equal(editor.seen.status.severity, 2);
  await editor.close();
});

test("commands and tasks run zosc where the manifest is, with the settings", async () => {
  const settings = { "zosc.path": "/bin/false", "zosc.arguments": ["--store", "/srv/store"], "zosc.environment": { A: "b" } };
  const editor = await activate(folder, settings);
  editor.show(path.join(folder, "zos.kdl"));
  const { commands } = editor.vscode;
  await commands.executeCommand("zosc.check");
  await commands.executeCommand("zosc.build");
  await commands.executeCommand("zosc.boot");
  // zosc reads what is on the disk.
  assert.equal(editor.seen.saved, 3);
  assert.deepEqual(
    editor.seen.tasks.map(({ execution }) => [execution.process, ...execution.args]),
    [
      ["/bin/false", "--store", "/srv/store", "check", "zos.kdl"],
      ["/bin/false", "--store", "/srv/store", "build", "zos.kdl"],
      ["/bin/false", "--store", "/srv/store", "boot"],
    ],
  );
  for (const { execution, problemMatchers } of editor.seen.tasks) {
    assert.deepEqual(execution.options, { cwd: folder, env: { A: "b" } });
    assert.equal(problemMatchers, "$zosc");
  }
  const provider = editor.seen.taskProviders.get("zosc");
  const offered = await provider.provideTasks();
  assert.deepEqual(
    offered.map(({ name }) => name),
    ["check", "build", "boot"],
  );
  const written = { definition: { type: "zosc", command: "build", manifest: "images/site.zos.kdl", arguments: ["--locked"] }, scope: 2 };
  const { execution } = provider.resolveTask(written);
  assert.deepEqual(execution.args.slice(2), ["build", "site.zos.kdl", "--locked"]);
  assert.equal(execution.options.cwd, path.join(folder, "images"));
  assert.equal(provider.resolveTask({ definition: { type: "zosc", command: "erase" }, scope: 2 }), undefined);
  await editor.close();
});

test("the steps of a code lens run one after another, as long as they succeed", async () => {
  const editor = await activate(folder, { "zosc.path": "/bin/false" });
  const asked = { folder: path.join(folder, "images"), steps: [["build", "a.zos.kdl"], ["boot", "dist/a.efi", "--manifest", "a.zos.kdl"]] };
  const ran = () => editor.seen.tasks.splice(0).map(({ execution }) => [execution.options.cwd, ...execution.args]);
  await editor.vscode.commands.executeCommand("zosc.boot", asked);
  assert.deepEqual(
    ran(),
    asked.steps.map((step) => [asked.folder, ...step]),
  );
  editor.seen.exitCodes.push(1);
  await editor.vscode.commands.executeCommand("zosc.boot", asked);
  assert.deepEqual(ran(), [[asked.folder, ...asked.steps[0]]]);
  await editor.vscode.commands.executeCommand("zosc.shell", { folder, steps: [["shell", "zinit"]] });
  assert.deepEqual(ran(), [[folder, "shell", "zinit"]]);
  await editor.close();
});
