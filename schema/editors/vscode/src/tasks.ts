// Tasks: `zosc check`, `build` and `boot` in a terminal, for the menu of tasks, for tasks.json, and for commands.

import * as path from "node:path";
import * as vscode from "vscode";
import { find, named } from "./program";

export type Command = "check" | "build" | "boot";

export const COMMANDS: readonly Command[] = ["check", "build", "boot"];

interface Definition extends vscode.TaskDefinition {
  readonly command: Command;
  readonly manifest?: string;
  readonly arguments?: readonly string[];
}

/** Offers a task for every command and every manifest at the top of a workspace folder. */
export class Provider implements vscode.TaskProvider {
  async provideTasks(): Promise<vscode.Task[]> {
    const tasks: vscode.Task[] = [];
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      const found = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, "zos.kdl"), null, 1);
      if (found.length > 0) {
        tasks.push(...COMMANDS.map((command) => task({ type: "zosc", command }, folder)));
      }
    }
    return tasks;
  }

  resolveTask(given: vscode.Task): vscode.Task | undefined {
    const definition = given.definition as Definition;
    if (!COMMANDS.includes(definition.command)) {
      return undefined;
    }
    const folder = typeof given.scope === "object" ? given.scope : vscode.workspace.workspaceFolders?.[0];
    return task(definition, folder);
  }
}

/** Runs a command for a manifest in a terminal, with `more` behind it. */
export async function run(command: Command, manifest: vscode.Uri, more: readonly string[]): Promise<void> {
  const document = vscode.workspace.textDocuments.find((document) => document.uri.toString() === manifest.toString());
  await document?.save();
  const folder = vscode.workspace.getWorkspaceFolder(manifest);
  await vscode.tasks.executeTask(task({ type: "zosc", command, manifest: manifest.fsPath, arguments: more }, folder));
}

function task(definition: Definition, folder: vscode.WorkspaceFolder | undefined): vscode.Task {
  const { command, manifest = "zos.kdl", arguments: more = [] } = definition;
  const file = path.resolve(folder?.uri.fsPath ?? process.cwd(), manifest);
  const program = find();
  // Paths in what zosc prints start at the folder in which it runs. `boot` takes an image, and its manifest from beside it.
  const target = command === "boot" ? [] : [path.basename(file)];
  const execution = new vscode.ProcessExecution(
    program?.path ?? named(),
    [...(program?.arguments ?? []), command, ...target, ...more],
    { cwd: path.dirname(file), env: { ...program?.environment } },
  );
  const made = new vscode.Task(definition, folder ?? vscode.TaskScope.Workspace, command, "zosc", execution, "$zosc");
  if (command === "build") {
    made.group = vscode.TaskGroup.Build;
  }
  return made;
}
