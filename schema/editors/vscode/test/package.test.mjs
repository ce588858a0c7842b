// The package: what is in it, that the same files make the same bytes, and that what it promises is there.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { zosc } from "./support/zosc.mjs";

const yauzl = createRequire(import.meta.url)("yauzl");
const folder = fileURLToPath(new URL("../", import.meta.url));
const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
const file = path.join(folder, `${manifest.name}-${manifest.version}.vsix`);

/** Makes the package, and returns its files by name. */
async function packed() {
  execFileSync(process.execPath, [path.join(folder, "package.mjs")], { stdio: "pipe" });
  const archive = await promisify(yauzl.open)(file, { lazyEntries: true, autoClose: true });
  const open = promisify(archive.openReadStream.bind(archive));
  const found = new Map();
  return await new Promise((resolve, reject) => {
    archive.on("error", reject);
    archive.on("end", () => resolve(found));
    archive.on("entry", async (entry) => {
      const parts = [];
      for await (const part of await open(entry)) {
        parts.push(part);
      }
      found.set(entry.fileName, Buffer.concat(parts));
      archive.readEntry();
    });
    archive.readEntry();
  });
}

test("the package holds what runs and no more, and is the same each time", async () => {
  const files = await packed();
  assert.deepEqual([...files.keys()].sort(), [
    "[Content_Types].xml",
    "extension.vsixmanifest",
    "extension/language-configuration.json",
    "extension/out/extension.js",
    "extension/out/zos.schema.json",
    "extension/package.json",
    "extension/readme.md",
    "extension/syntaxes/zos-kdl.tmLanguage.json",
  ]);
  const schema = readFileSync(new URL("../../../zos.schema.json", import.meta.url));
  assert.ok(schema.equals(files.get("extension/out/zos.schema.json")), "the schema is that of the repository");
  const digest = () => createHash("sha256").update(readFileSync(file)).digest("hex");
  const first = digest();
  utimesSync(path.join(folder, "package.json"), new Date(), new Date());
  await packed();
  assert.equal(digest(), first);
});

test("everything that package.json names is there", () => {
  const { contributes } = manifest;
  const named = [
    contributes.languages.map(({ configuration }) => configuration),
    contributes.grammars.map(({ path }) => path),
    contributes.jsonValidation.map(({ url }) => url),
    manifest.main,
  ].flat();
  for (const name of named) {
    assert.ok(readFileSync(path.join(folder, name)).length > 0, name);
  }
  const { indentationRules, wordPattern, onEnterRules } = JSON.parse(readFileSync(path.join(folder, "language-configuration.json"), "utf8"));
  const { increaseIndentPattern, decreaseIndentPattern } = indentationRules;
  for (const [line, grows] of [["unit a {", true], ["a { b }", false], ["// a {", false], ['exec "{"', false], ["unit a { // why", true]]) {
    assert.equal(new RegExp(increaseIndentPattern).test(line), grows, line);
  }
  assert.ok(new RegExp(decreaseIndentPattern).test("  }"));
  assert.ok(new RegExp(onEnterRules[0].beforeText).test("  /* why"));
  assert.deepEqual('efi-versioned "a" x=1'.match(new RegExp(wordPattern, "g")), ["efi-versioned", "a", "x", "1"]);
});

test("the lock file names no registry", () => {
  const lock = readFileSync(path.join(folder, "package-lock.json"), "utf8");
  assert.ok(!lock.includes('"resolved"'), "npm install with omit-lockfile-registry-resolved writes it without");
});

test("the problem matcher reads what zosc check prints", { skip: zosc.missing }, () => {
  const project = mkdtempSync(path.join(tmpdir(), "zosc-matcher-"));
  try {
    writeFileSync(path.join(project, "zos.kdl"), "edition 1\nimage a\nimag b\n");
    const { stderr } = spawnSync(zosc.path, ["check", "--color", "never"], { cwd: project, encoding: "utf8" });
    const [{ pattern }] = manifest.contributes.problemMatchers;
    const lines = stderr.split("\n");
    const found = {};
    const start = lines.findIndex((_, index) =>
      pattern.every(({ regexp }, offset) => new RegExp(regexp).test(lines[index + offset] ?? "")),
    );
    assert.notEqual(start, -1, stderr);
    pattern.forEach(({ regexp, ...groups }, offset) => {
      const groupsOf = lines[start + offset].match(new RegExp(regexp));
      for (const [name, number] of Object.entries(groups)) {
        found[name] = groupsOf[number];
      }
    });
    assert.deepEqual(found, { code: "zosc::manifest::unknown-node", message: "a manifest has no `imag`", file: "zos.kdl", line: "3", column: "1" });
  } finally {
    rmSync(project, { recursive: true });
  }
});
