// Where zosc is, and how it is started.

import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";

/** A program that can be started. */
export interface Program {
  readonly path: string;
  /** What goes before the command. */
  readonly arguments: readonly string[];
  /** Variables beside those of the editor. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The program that the settings name, or `undefined` where there is none. */
export function find(): Program | undefined {
  const settings = vscode.workspace.getConfiguration("zosc");
  const environment = settings.get<Record<string, string>>("environment", {});
  const found = locate(named(), environment["PATH"] ?? process.env["PATH"] ?? "");
  return found === undefined ? undefined : { path: found, arguments: settings.get<string[]>("arguments", []), environment };
}

/** The name or path that the settings give. */
export function named(): string {
  return vscode.workspace.getConfiguration("zosc").get<string>("path", "").trim() || "zosc";
}

function locate(name: string, search: string): string | undefined {
  if (name.startsWith("~/")) {
    return runnable(path.join(os.homedir(), name.slice(2)));
  }
  if (name.includes("/") || name.includes(path.sep)) {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? process.cwd();
    return runnable(path.resolve(folder, name));
  }
  for (const folder of search.split(path.delimiter).filter((folder) => folder !== "")) {
    const found = runnable(path.join(folder, name));
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

function runnable(file: string): string | undefined {
  const candidates = process.platform === "win32" ? [file, `${file}.exe`] : [file];
  return candidates.find((candidate) => {
    try {
      fs.accessSync(candidate, fs.constants.X_OK);
      return fs.statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
}
