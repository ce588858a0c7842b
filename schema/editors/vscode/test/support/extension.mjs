// The extension as it ships, in the stand-in for VS Code.

import { createRequire, Module } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { open } = require("./editor.cjs");
const bundle = fileURLToPath(new URL("../../out/extension.js", import.meta.url));

/** Loads a fresh copy of the bundle and activates it in an editor with this folder and these settings. */
export async function activate(folder, settings) {
  const editor = open(folder, settings);
  const load = Module._load;
  Module._load = (name, ...more) => (name === "vscode" ? editor.vscode : load(name, ...more));
  let extension;
  try {
    delete require.cache[bundle];
    extension = require(bundle);
  } finally {
    Module._load = load;
  }
  const context = { subscriptions: [], extensionPath: folder };
  const face = await extension.activate(context);
  return {
    ...editor,
    face,
    async close() {
      await extension.deactivate();
      context.subscriptions.forEach((part) => part.dispose());
    },
  };
}

/** Waits until `ready` yields something, and says what was waited for when it does not. */
export async function until(what, ready, editor) {
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    const found = await ready();
    if (found !== undefined && found !== false) {
      return found;
    }
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`waited in vain for ${what}; the log:\n${editor.seen.log.join("\n")}`);
}
