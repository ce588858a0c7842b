// What the status bar says of the server while a manifest is open.

import * as vscode from "vscode";
import { State } from "vscode-languageclient/node";

/** The item beside the name of the language. */
export class Status implements vscode.Disposable {
  private readonly item: vscode.LanguageStatusItem;

  constructor(selector: vscode.DocumentSelector) {
    this.item = vscode.languages.createLanguageStatusItem("zosc.status", selector);
    this.item.name = "zosc";
  }

  /** The server's state has changed. */
  show(state: State, version: string | undefined): void {
    const words = { [State.Starting]: "starting", [State.Running]: version ?? "running", [State.Stopped]: "stopped" };
    this.item.text = `zosc ${words[state as keyof typeof words] ?? "starting"}`;
    this.item.busy = state === State.Starting;
    this.item.severity =
      state === State.Stopped ? vscode.LanguageStatusSeverity.Warning : vscode.LanguageStatusSeverity.Information;
    this.item.command = { title: "Restart", command: "zosc.restart" };
  }

  /** There is no server, and why. */
  fail(why: string): void {
    this.item.text = `zosc: ${why}`;
    this.item.busy = false;
    this.item.severity = vscode.LanguageStatusSeverity.Error;
    this.item.command = { title: "Try Again", command: "zosc.restart" };
  }

  dispose(): void {
    this.item.dispose();
  }
}
