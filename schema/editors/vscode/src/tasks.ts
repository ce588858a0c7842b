// Tasks: zosc in a terminal, for the menu of tasks, for tasks.json, for commands, and for the code lenses of the server.

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

/** What a code lens asks for: zosc with each of these lists of arguments, one after another as long as they succeed. */
export interface Request {
  readonly folder: string;
  readonly steps: readonly (readonly string[])[];
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

/** What a command of the palette comes to for a manifest. `boot` takes an image; its manifest is the one beside it. */
export function request(command: Command, manifest: string): Request {
  return { folder: path.dirname(manifest), steps: [[command, ...(command === "boot" ? [] : [path.basename(manifest)])]] };
}

/** Runs the steps in a terminal, and ends with the first that fails. */
export async function run({ folder, steps }: Request): Promise<void> {
  // zosc reads what is on the disk.
  await vscode.workspace.saveAll(false);
  const scope = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder)) ?? vscode.TaskScope.Workspace;
  for (const step of steps) {
    const [command = "zosc", ...more] = step;
    const definition = { type: "zosc", command, arguments: more };
    const one = new vscode.Task(definition, scope, command, "zosc", execution(folder, step), "$zosc");
    if ((await end(one)) !== 0) {
      return;
    }
  }
}

/** Starts a task, and waits for its exit code. */
async function end(started: vscode.Task): Promise<number | undefined> {
  const ended = new Promise<number | undefined>((resolve) => {
    const listening = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task === started || execution.task.definition === started.definition) {
        listening.dispose();
        resolve(exitCode);
      }
    });
  });
  await vscode.tasks.executeTask(started);
  return ended;
}

function task(definition: Definition, scope: vscode.WorkspaceFolder | undefined): vscode.Task {
  const { command, manifest = "zos.kdl", arguments: more = [] } = definition;
  const { folder, steps } = request(command, path.resolve(scope?.uri.fsPath ?? process.cwd(), manifest));
  const step = [...steps.flat(), ...more];
  const made = new vscode.Task(definition, scope ?? vscode.TaskScope.Workspace, command, "zosc", execution(folder, step), "$zosc");
  if (command === "build") {
    made.group = vscode.TaskGroup.Build;
  }
  return made;
}

/** zosc in a folder; paths in what it prints start there. */
function execution(folder: string, step: readonly string[]): vscode.ProcessExecution {
  const program = find();
  const words = [...(program?.arguments ?? []), ...step];
  return new vscode.ProcessExecution(program?.path ?? named(), words, { cwd: folder, env: { ...program?.environment } });
}
