// The grammar as VS Code applies it: vscode-textmate over the regular expressions of Oniguruma.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const { INITIAL, Registry, parseRawGrammar } = require("vscode-textmate");

const folder = new URL("../../", import.meta.url);
const registry = new Registry({
  onigLib: (async () => {
    await oniguruma.loadWASM(readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")));
    return {
      createOnigScanner: (sources) => new oniguruma.OnigScanner(sources),
      createOnigString: (text) => new oniguruma.OnigString(text),
    };
  })(),
  async loadGrammar(scope) {
    const file = new URL("syntaxes/zos-kdl.tmLanguage.json", folder);
    return scope === "source.zos-kdl" ? parseRawGrammar(readFileSync(file, "utf8"), file.pathname) : null;
  },
});

/** The pieces of a text that are more than white space, each with its innermost scope and all of them; neighbours of one kind are one. */
export async function tokens(text) {
  const grammar = await registry.loadGrammar("source.zos-kdl");
  const found = [];
  let state = INITIAL;
  for (const line of text.split("\n")) {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    const pieces = [];
    for (const { startIndex, endIndex, scopes } of result.tokens) {
      const names = scopes.map((scope) => scope.replace(/\.zos-kdl$/, ""));
      const before = pieces.at(-1);
      if (before !== undefined && before.scopes.join() === names.join()) {
        before.text += line.slice(startIndex, endIndex);
      } else {
        pieces.push({ text: line.slice(startIndex, endIndex), scope: names.at(-1), scopes: names });
      }
    }
    found.push(...pieces.map((piece) => ({ ...piece, text: piece.text.trim() })).filter(({ text }) => text !== ""));
  }
  return found;
}
