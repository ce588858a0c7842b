// The face of `zosc lsp` in VS Code: it starts the server and stops it, and has commands and tasks for the rest of zosc.
// All that it knows of manifests comes from the server.

import * as vscode from "vscode";
import { LanguageClient, State, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";
import { adopt } from "./parts";
import { find, named, type Program } from "./program";
import { Status } from "./status";
import { COMMANDS, Provider, request, run, type Command, type Request } from "./tasks";

/** Manifests, and files that they import. */
const SELECTOR = [
  { scheme: "file", language: "zos-kdl" },
  { scheme: "untitled", language: "zos-kdl" },
];

let client: LanguageClient | undefined;
let status: Status;
let output: vscode.LogOutputChannel;
/** Starts and stops wait for one another. */
let order: Promise<void> = Promise.resolve();

/** What tests, and other extensions, may hold on to. */
export interface Face {
  client(): LanguageClient | undefined;
}

export async function activate(context: vscode.ExtensionContext): Promise<Face> {
  status = new Status(SELECTOR);
  output = vscode.window.createOutputChannel("zosc", { log: true });
  context.subscriptions.push(
    status,
    output,
    vscode.tasks.registerTaskProvider("zosc", new Provider()),
    vscode.commands.registerCommand("zosc.restart", restart),
    vscode.commands.registerCommand("zosc.showOutput", () => output.show()),
    ...COMMANDS.map((command) => vscode.commands.registerCommand(`zosc.${command}`, (asked) => runFor(command, asked))),
    // Of code lenses alone: a source by itself, and a shell in the sandbox in which it is built.
    ...["source", "shell"].map((name) => vscode.commands.registerCommand(`zosc.${name}`, (asked: Request) => run(asked))),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (["path", "arguments", "environment"].some((name) => change.affectsConfiguration(`zosc.${name}`))) {
        void restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => restart()),
    vscode.workspace.onDidOpenTextDocument(adopt),
  );
  await Promise.all(vscode.workspace.textDocuments.map(adopt));
  await restart();
  return { client: () => client };
}

export async function deactivate(): Promise<void> {
  order = order.then(stop);
  await order;
}

function restart(): Promise<void> {
  order = order.then(stop).then(start);
  return order;
}

async function stop(): Promise<void> {
  const before = client;
  client = undefined;
  try {
    await before?.dispose();
  } catch (error) {
    // A server that has died by itself cannot be asked to end.
    output.warn(String(error));
  }
}

async function start(): Promise<void> {
  const program = find();
  if (program === undefined) {
    const name = named();
    status.fail(`\`${name}\` was not found`);
    void offerSettings(`zosc was not found: there is no program \`${name}\`${name.includes("/") ? "" : " in PATH"}. Install zosc, or say where it is.`);
    return;
  }
  const starting = new LanguageClient("zosc", "zosc", server(program), options());
  client = starting;
  starting.onDidChangeState(({ newState }) => {
    status.show(newState, newState === State.Running ? starting.initializeResult?.serverInfo?.version : undefined);
  });
  try {
    await starting.start();
  } catch (error) {
    client = undefined;
    output.error(String(error));
    status.fail("the server did not start");
    void offerSettings(`\`${program.path} lsp\` did not start: is it a zosc that has a language server?`);
  }
}

function server(program: Program): ServerOptions {
  return {
    command: program.path,
    args: [...program.arguments, "lsp"],
    options: { env: { ...process.env, ...program.environment } },
  };
}

function options(): LanguageClientOptions {
  return {
    documentSelector: SELECTOR,
    diagnosticCollectionName: "zosc",
    outputChannel: output,
    // Where the conversation is written that `zosc.trace.server` asks for.
    traceOutputChannel: output,
  };
}

async function offerSettings(message: string): Promise<void> {
  const [settings, show] = ["Open Settings", "Show Output"];
  const choice = await vscode.window.showErrorMessage(message, settings, show);
  if (choice === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "zosc.path");
  } else if (choice === show) {
    output.show();
  }
}

/** A command of a code lens, which says what is to be run, or of the palette, for the manifest in front. */
async function runFor(command: Command, asked: unknown): Promise<void> {
  if (isRequest(asked)) {
    await run(asked);
    return;
  }
  const manifest = vscode.window.activeTextEditor?.document.uri;
  if (manifest?.scheme !== "file") {
    void vscode.window.showInformationMessage("Open a zos.kdl first.");
    return;
  }
  await run(request(command, manifest.fsPath));
}

function isRequest(asked: unknown): asked is Request {
  return typeof asked === "object" && asked !== null && "folder" in asked && "steps" in asked;
}
