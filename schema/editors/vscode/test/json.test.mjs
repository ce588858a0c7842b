// The JSON form of a manifest in an editor that knows JSON Schema: the service behind VS Code's own JSON support.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { zosc } from "./support/zosc.mjs";

const { getLanguageService, TextDocument, ClientCapabilities } = createRequire(import.meta.url)("vscode-json-languageservice");

const repository = new URL("../../../../", import.meta.url);
const address = "zosc://zos.schema.json";
const service = getLanguageService({ clientCapabilities: ClientCapabilities.LATEST });

before(() => {
  const schema = JSON.parse(readFileSync(new URL("schema/zos.schema.json", repository), "utf8"));
  service.configure({ validate: true, schemas: [{ uri: address, fileMatch: ["*.zos.json"], schema }] });
});

/** A document with the place of `‸` in it, which is taken out. */
function document(text) {
  const offset = text.indexOf("‸");
  const made = TextDocument.create("file:///project/a.zos.json", "json", 1, text.replace("‸", ""));
  return { made, parsed: service.parseJSONDocument(made), position: made.positionAt(offset === -1 ? 0 : offset) };
}

async function completions(text) {
  const { made, parsed, position } = document(text);
  const { items } = await service.doComplete(made, position, parsed);
  return new Map(items.map((item) => [item.label.replaceAll('"', ""), item]));
}

async function hover(text) {
  const { made, parsed, position } = document(text);
  const found = await service.doHover(made, position, parsed);
  return [found?.contents ?? []].flat().map((part) => part.value ?? part).join("\n");
}

async function problems(text) {
  const { made, parsed } = document(text);
  const found = await service.doValidation(made, parsed, { schemaValidation: "error" });
  return found.map(({ message, range }) => [message, made.getText(range)]);
}

// Not the demo, whose repository is made by a script first: `check` wants to see it.
const shipped = ["minimal", "zero-os"];

for (const name of shipped) {
  test(`the JSON form of the manifest ${name} keeps the schema`, { skip: zosc.missing }, async () => {
    const folder = fileURLToPath(new URL(`manifests/${name}/`, repository));
    const { stdout: printed } = spawnSync(zosc.path, ["check", "--emit", "json"], { cwd: folder, encoding: "utf8" });
    assert.ok(Object.keys(JSON.parse(printed)).length > 5);
    assert.deepEqual(await problems(printed), []);
  });
}

test("keys are completed, described, and those that are there already are not", async () => {
  const top = await completions('{ "image": { "name": "a" }, ‸ }');
  assert.ok(top.has("kernel") && top.has("unit") && !top.has("image"), [...top.keys()].join());
  const unit = await completions('{ "unit": [ { "name": "a", "re‸" } ] }');
  assert.ok(unit.has("requires") && unit.has("restart") && !unit.has("name"), [...unit.keys()].join());
  const documentation = unit.get("restart").documentation;
  assert.match(documentation.value ?? documentation, /What happens when it ends/);
});

test("words of a choice, defaults and examples are completed", async () => {
  const embed = await completions('{ "kernel": { "embed": ‸ } }');
  for (const word of ["builtin", "uki", "none"]) {
    assert.ok(embed.has(word), [...embed.keys()].join());
  }
  assert.match(JSON.stringify(embed.get("builtin").documentation), /linked into the kernel/);
  const verify = await completions('{ "source": [ { "name": "a", "verify": [ ‸ ] } ] }');
  assert.ok(verify.has("static") && verify.has("no-build-paths"), [...verify.keys()].join());
  assert.ok((await completions('{ "boot": { "memory": ‸ } }')).has("1GiB"));
  assert.ok((await completions('{ "unit": [ { "name": "a", "exec": ‸ } ] }')).has("/usr/sbin/sshd -D -e"));
});

test("a hover says what a member is, how it is written in KDL, and what the word that is there means", async () => {
  const restart = await hover('{ "unit": [ { "name": "a", "res‸tart": "never" } ] }');
  assert.match(restart, /unit restart/);
  assert.match(restart, /What happens when it ends/);
  assert.match(restart, /In KDL: `restart always\|on-failure\|never`/);
  assert.match(await hover('{ "unit": [ { "name": "a", "restart": "ne‸ver" } ] }'), /It stays ended/);
  assert.match(await hover('{ "kernel": { "cmd‸line": [] } }'), /Example: `"console=ttyS0" "panic=10"`/);
});

test("mistakes are told at their places", async () => {
  const found = await problems('{ "zinit": { "dialect": "tom" }, "unti": [], "boot": { "cpus": 300 } }');
  assert.deepEqual(
    found.map(([, place]) => place).sort(),
    ['"tom"', '"unti"', "300"].sort(),
    JSON.stringify(found),
  );
  assert.deepEqual(await problems('{ "alpine": {} }').then((found) => found.length), 1);
});
