// Files that a manifest imports are in its language, whatever VS Code takes `.kdl` for: others write their settings in KDL, too.

import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";

/** Gives a file the language of manifests where the manifest above it imports it. */
export async function adopt(document: vscode.TextDocument): Promise<void> {
  const { uri, languageId } = document;
  if (uri.scheme === "file" && languageId !== "zos-kdl" && uri.fsPath.endsWith(".kdl") && isImported(uri.fsPath)) {
    await vscode.languages.setTextDocumentLanguage(document, "zos-kdl");
  }
}

function isImported(file: string): boolean {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = read(path.join(folder, "zos.kdl"));
    if (manifest !== undefined) {
      const imports = manifest.matchAll(/^\s*import\s+"?([^"\s;]+)/gm);
      return [...imports].some(([, name]) => name !== undefined && path.resolve(folder, name) === file);
    }
    if (folder === path.dirname(folder)) {
      return false;
    }
  }
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
