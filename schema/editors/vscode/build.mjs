// Makes out/: the extension as one file, and the schema of the JSON form.

import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";

process.chdir(import.meta.dirname);
rmSync("out", { recursive: true, force: true });
mkdirSync("out");
await build({
  entryPoints: ["src/extension.ts"],
  outfile: "out/extension.js",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  // The editor itself brings this one.
  external: ["vscode"],
  // One of its parts is written for browsers first.
  mainFields: ["module", "main"],
  legalComments: "none",
  minify: true,
});
copyFileSync("../../zos.schema.json", "out/zos.schema.json");
