// What is coloured as what.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tokens } from "./support/grammar.mjs";

/** Whether each piece, in order, is coloured so; what has quotes or signs around it counts with them. */
async function coloured(text, expected) {
  const found = await tokens(text);
  let next = 0;
  for (const [piece, scope] of expected) {
    const is = ({ scopes }) => scopes.some((name) => name === scope || name.startsWith(`${scope}.`));
    const at = found.findIndex((token, index) => index >= next && token.text.includes(piece) && is(token));
    assert.notEqual(at, -1, `\`${piece}\` is no ${scope} behind piece ${next} of ${JSON.stringify(found, null, 1)}`);
    next = at + 1;
  }
  return found;
}

const comments = (found) => found.filter(({ scopes }) => scopes.some((scope) => scope.startsWith("comment"))).map(({ text }) => text);

test("nodes, arguments, properties and children", async () => {
  await coloured('image zos version="2026.11" arch=x86_64 { title "Zero-OS"; epoch now }', [
    ["image", "entity.name.tag"],
    ["zos", "string.unquoted"],
    ["version", "entity.other.attribute-name"],
    ["=", "keyword.operator.assignment"],
    ["2026.11", "string.quoted.double"],
    ["arch", "entity.other.attribute-name"],
    ["x86_64", "string.unquoted"],
    ["{", "punctuation.section.block.begin"],
    ["title", "entity.name.tag"],
    [";", "punctuation.terminator"],
    ["epoch", "entity.name.tag"],
    ["}", "punctuation.section.block.end"],
  ]);
  await coloured('"quoted node" "a b"=1\nnext', [
    ['"quoted node"', "entity.name.tag"],
    ['"a b"', "entity.other.attribute-name"],
    ["1", "constant.numeric"],
    ["next", "entity.name.tag"],
  ]);
});

test("numbers and words that look like some", async () => {
  for (const number of ["1", "-1_000", "+6.10", "1e9", "0xff_ee", "0o755", "0b1010", "2.5E-3"]) {
    await coloured(`a ${number}`, [[number, "constant.numeric"]]);
  }
  for (const wrong of ["6.6.30", "512MiB", "0755x"]) {
    await coloured(`a ${wrong} b`, [
      [wrong, "invalid.illegal.number"],
      ["b", "string.unquoted"],
    ]);
  }
  await coloured("a v1.2 ~6.14", [
    ["v1.2", "string.unquoted"],
    ["~6.14", "string.unquoted"],
  ]);
});

test("keywords, and those of KDL 1", async () => {
  for (const word of ["#true", "#false", "#null", "#inf", "#-inf", "#nan"]) {
    await coloured(`a ${word} b=${word}`, [
      [word, "constant.language"],
      [word, "constant.language"],
    ]);
  }
  await coloured("a #yes true b=null truely", [
    ["#yes", "invalid.illegal"],
    ["true", "invalid.illegal"],
    ["null", "invalid.illegal"],
    ["truely", "string.unquoted"],
  ]);
});

test("strings: escapes, places for values, raw ones, ones of several lines", async () => {
  await coloured(String.raw`a "x\n \u{1F600} \q {kernel} {other}" b`, [
    [String.raw`\n`, "constant.character.escape"],
    [String.raw`\u{1F600}`, "constant.character.escape"],
    [String.raw`\q`, "invalid.illegal.escape"],
    ["{kernel}", "variable.other.placeholder"],
    ["{other}", "string.quoted.double"],
    ["b", "string.unquoted"],
  ]);
  await coloured('a #"C:\\new "quoted" text"# ##"one"# more"## b', [
    ['C:\\new "quoted" text', "string.quoted.double.raw"],
    ['one"# more', "string.quoted.double.raw"],
    ["b", "string.unquoted"],
  ]);
  await coloured('a """\n  { one "two" \\n\n  """ b\nc #"""\n  // no comment \\n """\n  """# d', [
    ['{ one "two"', "string.quoted.triple"],
    ["\\n", "constant.character.escape"],
    ["b", "string.unquoted"],
    ["c", "entity.name.tag"],
    ['// no comment \\n """', "string.quoted.triple.raw"],
    ["d", "string.unquoted"],
  ]);
  // One quote too few colours one line wrongly, and no more.
  await coloured('a "open\nb c', [
    ["open", "string.quoted.double"],
    ["b", "entity.name.tag"],
  ]);
});

test("type annotations", async () => {
  await coloured('(unit)sign key=(env)SB_KEY (u8)"1"', [
    ["unit", "storage.type.annotation"],
    ["sign", "entity.name.tag"],
    ["key", "entity.other.attribute-name"],
    ["env", "storage.type.annotation"],
    ["SB_KEY", "string.unquoted"],
    ["u8", "storage.type.annotation"],
  ]);
});

test("comments", async () => {
  await coloured("a // one\n/* two /* inner */ still */ b /* three\nfour */ c", [
    ["// one", "comment.line"],
    ["still */", "comment.block"],
    ["b", "entity.name.tag"],
    ["four */", "comment.block"],
    ["c", "string.unquoted"],
  ]);
});

test("a slashdash makes a comment of the node, entry or block behind it", async () => {
  const node = await tokens('/-unit a {\n    exec "}"\n    test { }\n}\nunit b');
  assert.equal(comments(node).join(" ").replaceAll(/\s+/g, ""), '/-unita{exec"}"test{}}');
  assert.deepEqual(
    node.slice(-2).map(({ text, scope }) => [text, scope]),
    [
      ["unit", "entity.name.tag"],
      ["b", "string.unquoted"],
    ],
  );
  const entries = await coloured('unit a /-b /- c="d e" f=1 /-{ exec x; } { exec y }', [
    ["a", "string.unquoted"],
    ["/-b", "comment.block.slashdash"],
    ['/- c="d e"', "comment.block.slashdash"],
    ["f", "entity.other.attribute-name"],
    ["{", "punctuation.section.block.begin"],
    ["exec", "entity.name.tag"],
    ["y", "string.unquoted"],
  ]);
  assert.ok(comments(entries).join(" ").includes("exec x"));
  await coloured("a; /-b c; d e", [
    ["/-b c;", "comment.block.slashdash"],
    ["d", "entity.name.tag"],
  ]);
});

test("a line goes on behind a backslash", async () => {
  await coloured("install a \\ // more\n    b c=1\nnext", [
    ["\\", "punctuation.separator.continuation"],
    ["// more", "comment.line"],
    ["b", "string.unquoted"],
    ["c", "entity.other.attribute-name"],
    ["next", "entity.name.tag"],
  ]);
});

for (const name of ["minimal", "demo", "zero-os"]) {
  test(`nothing of the manifest ${name} is coloured as wrong, and its sections are nodes`, async () => {
    const text = readFileSync(new URL(`../../../../manifests/${name}/zos.kdl`, import.meta.url), "utf8");
    const found = await tokens(text);
    assert.deepEqual(found.filter(({ scope }) => scope.startsWith("invalid")), []);
    for (const section of ["image", "packages", "kernel"]) {
      assert.ok(found.some((token) => token.text === section && token.scope === "entity.name.tag"), section);
    }
    assert.equal(found.filter(({ scopes }) => scopes.length > 1).length > found.length * 0.9, true);
  });
}
