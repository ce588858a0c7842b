// A small stand-in for VS Code: what its extension host gives to extensions, as far as the extension and
// vscode-languageclient use it. Values (positions, edits, completion items, …) are VS Code's own classes, by way of
// jest-mock-vscode. Here are the parts that act: documents with their events, settings, providers, diagnostics, commands,
// tasks, messages. What is missing throws, so that nothing passes by being ignored.

"use strict";

const { readFileSync, readdirSync, existsSync } = require("node:fs");
const path = require("node:path");
const { createVSCodeMock } = require("jest-mock-vscode");
const { createTextDocument } = require("jest-mock-vscode");

/** An editor with one workspace folder and these settings. */
exports.open = function open(folder, settings = {}) {
  const values = createVSCodeMock({ fn: (implementation) => implementation ?? (() => undefined) });
  const { Uri, EventEmitter, Disposable } = values;
  const manifest = JSON.parse(readFileSync(path.join(__dirname, "../../package.json"), "utf8"));

  const providers = new Map();
  const commands = new Map();
  const diagnostics = new Map();
  const events = new Map();
  const documents = [];
  const seen = { messages: [], tasks: [], taskProviders: new Map(), status: undefined, log: [], exitCodes: [], saved: 0 };

  const event = (name) => {
    if (!events.has(name)) {
      events.set(name, new EventEmitter());
    }
    return events.get(name).event;
  };
  const fire = (name, value) => events.get(name)?.fire(value);

  const register = (kind) => (selector, provider, ...more) => {
    const entry = { selector, provider, more };
    const list = providers.get(kind) ?? [];
    list.push(entry);
    providers.set(kind, list);
    return new Disposable(() => list.splice(list.indexOf(entry), 1));
  };

  /** How well a selector fits a document; 0 where it does not. */
  const match = (selector, document) => {
    const filters = [selector].flat();
    const fits = filters.some((filter) => {
      const { language, scheme, pattern } = typeof filter === "string" ? { language: filter } : filter;
      return (
        (language === undefined || language === "*" || language === document.languageId) &&
        (scheme === undefined || scheme === "*" || scheme === document.uri.scheme) &&
        (pattern === undefined || String(pattern.pattern ?? pattern).endsWith(path.extname(document.uri.path)))
      );
    });
    return fits ? 10 : 0;
  };

  const languages = new Proxy(
    {
      match,
      createDiagnosticCollection: (name) => ({
        name,
        set: (uri, found) => {
          diagnostics.set(uri.toString(), found ?? []);
          fire("diagnostics", uri);
        },
        delete: (uri) => diagnostics.delete(uri.toString()),
        clear: () => diagnostics.clear(),
        dispose: () => diagnostics.clear(),
        has: (uri) => diagnostics.has(uri.toString()),
        get: (uri) => diagnostics.get(uri.toString()),
      }),
      setTextDocumentLanguage: async (document, language) => {
        fire("close", document);
        document.become(language);
        fire("open", document);
        return document;
      },
      createLanguageStatusItem: (id) => (seen.status = { id, dispose() {} }),
    },
    {
      get: (given, name) => given[name] ?? (String(name).startsWith("register") ? register(String(name).slice(8)) : missing(`languages.${String(name)}`)),
    },
  );

  const defaults = manifest.contributes.configuration.properties;
  const workspaceFolder = { uri: Uri.file(folder), name: path.basename(folder), index: 0 };
  const workspace = strict("workspace", {
    workspaceFolders: [workspaceFolder],
    textDocuments: documents,
    notebookDocuments: [],
    isTrusted: true,
    fs: {},
    getWorkspaceFolder: (uri) => (uri.fsPath.startsWith(folder) ? workspaceFolder : undefined),
    getConfiguration: (section) => {
      const name = (key) => (section === undefined || section === "" ? key : `${section}.${key}`);
      const get = (key, otherwise) => settings[name(key)] ?? defaults[name(key)]?.default ?? otherwise;
      return { get, has: (key) => get(key) !== undefined, inspect: (key) => ({ key, globalValue: settings[name(key)] }), update: async () => undefined };
    },
    createFileSystemWatcher: () => ({ onDidCreate: event("made"), onDidChange: event("changed"), onDidDelete: event("removed"), dispose() {} }),
    registerTextDocumentContentProvider: () => new Disposable(() => undefined),
    findFiles: async (pattern) => {
      const base = pattern.baseUri?.fsPath ?? pattern.base;
      const file = path.join(base, pattern.pattern);
      return existsSync(file) ? [Uri.file(file)] : [];
    },
    openTextDocument: async (uri) => show(uri.fsPath),
    saveAll: async () => {
      seen.saved += 1;
      return true;
    },
    applyEdit: async (edit) => {
      for (const [uri, edits] of edit.entries()) {
        const document = documents.find((document) => document.uri.toString() === uri.toString()) ?? show(uri.fsPath);
        change(document, applied(document, edits));
      }
      return true;
    },
    onDidOpenTextDocument: event("open"),
    onDidCloseTextDocument: event("close"),
    onDidChangeTextDocument: event("change"),
    onWillSaveTextDocument: event("willSave"),
    onDidSaveTextDocument: event("save"),
    onDidChangeConfiguration: event("settings"),
    onDidChangeWorkspaceFolders: event("folders"),
    onDidGrantWorkspaceTrust: event("trust"),
    onDidCreateFiles: event("files"),
    onDidRenameFiles: event("files"),
    onDidDeleteFiles: event("files"),
    onWillCreateFiles: event("files"),
    onWillRenameFiles: event("files"),
    onWillDeleteFiles: event("files"),
    onDidOpenNotebookDocument: event("notebooks"),
    onDidCloseNotebookDocument: event("notebooks"),
    onDidChangeNotebookDocument: event("notebooks"),
    onDidSaveNotebookDocument: event("notebooks"),
  });

  const say = (kind) => async (message) => {
    seen.messages.push([kind, message]);
  };
  const channel = (name) => {
    const write = (line) => seen.log.push(String(line));
    return {
      name,
      logLevel: values.LogLevel.Info,
      onDidChangeLogLevel: event("logLevel"),
      append: write,
      appendLine: write,
      replace: write,
      trace: write,
      debug: write,
      info: write,
      warn: write,
      error: write,
      clear() {},
      show() {},
      hide() {},
      dispose() {},
    };
  };
  const window = strict("window", {
    activeTextEditor: undefined,
    visibleTextEditors: [],
    tabGroups: { all: [], onDidChangeTabs: event("tabs"), onDidChangeTabGroups: event("tabs") },
    createOutputChannel: channel,
    showErrorMessage: say("error"),
    showWarningMessage: say("warning"),
    showInformationMessage: say("information"),
    withProgress: async (_options, work) => work({ report() {} }, new CancellationTokenSource().token),
    onDidChangeActiveTextEditor: event("editor"),
    onDidChangeVisibleTextEditors: event("editor"),
    showTextDocument: async () => undefined,
  });

  /** The text after edits, which must not overlap. */
  function applied(document, edits) {
    const sorted = [...edits].sort((one, other) => document.offsetAt(other.range.start) - document.offsetAt(one.range.start));
    let text = document.getText();
    for (const { range, newText } of sorted) {
      text = text.slice(0, document.offsetAt(range.start)) + newText + text.slice(document.offsetAt(range.end));
    }
    return text;
  }

  function languageOf(file) {
    const named = manifest.contributes.languages.find(
      ({ filenames, extensions }) => filenames.includes(path.basename(file)) || extensions.some((extension) => file.endsWith(extension)),
    );
    return named?.id ?? "plaintext";
  }

  /** Opens a file in an editor, or what is there already. */
  function show(file, text = readFileSync(file, "utf8")) {
    const uri = Uri.file(file);
    const there = documents.find((document) => document.uri.toString() === uri.toString());
    if (there !== undefined) {
      return there;
    }
    const document = live(uri, text, languageOf(file));
    documents.push(document);
    window.visibleTextEditors.push({ document });
    window.activeTextEditor = { document };
    fire("open", document);
    return document;
  }

  /** A document whose text can be exchanged. */
  function live(uri, text, language) {
    const state = { current: createTextDocument(uri, text, language, 1) };
    return new Proxy(state, {
      get(_, name) {
        if (name === "set") {
          return (text) => {
            state.current = createTextDocument(uri, text, language, state.current.version + 1);
          };
        }
        if (name === "become") {
          return (other) => {
            language = other;
            state.current = createTextDocument(uri, state.current.getText(), language, state.current.version);
          };
        }
        const value = state.current[name];
        return typeof value === "function" ? value.bind(state.current) : value;
      },
    });
  }

  /** Someone types: the whole text becomes another. */
  function change(document, text) {
    const before = document.getText();
    const range = new values.Range(document.positionAt(0), document.positionAt(before.length));
    document.set(text);
    fire("change", { document, reason: undefined, contentChanges: [{ range, rangeOffset: 0, rangeLength: before.length, text }] });
  }

  class CancellationTokenSource {
    constructor() {
      this.token = { isCancellationRequested: false, onCancellationRequested: new EventEmitter().event };
    }
    cancel() {
      this.token.isCancellationRequested = true;
    }
    dispose() {}
  }
  const plain = (...names) => function (...given) { names.forEach((name, index) => (this[name] = given[index])); };

  /** Edits by file. The language client sets them as pairs of an edit and what is said about it. */
  class WorkspaceEdit {
    #edits = new Map();
    set(uri, edits) {
      const plain = edits.map((edit) => (Array.isArray(edit) ? edit[0] : edit));
      this.#edits.set(uri.toString(), [uri, plain]);
    }
    get(uri) {
      return this.#edits.get(uri.toString())?.[1] ?? [];
    }
    has(uri) {
      return this.#edits.has(uri.toString());
    }
    replace(uri, range, newText) {
      this.set(uri, [...this.get(uri), new values.TextEdit(range, newText)]);
    }
    get size() {
      return this.#edits.size;
    }
    entries() {
      return [...this.#edits.values()];
    }
  }

  const vscode = strict("vscode", {
    ...values,
    WorkspaceEdit,
    languages,
    workspace,
    window,
    CancellationTokenSource,
    CancellationError: class extends Error {},
    Hover: class { constructor(contents, range) { this.contents = [contents].flat(); this.range = range; } },
    InlayHint: class { constructor(position, label, kind) { Object.assign(this, { position, label, kind }); } },
    InlayHintLabelPart: class { constructor(value) { this.value = value; } },
    SignatureHelp: class { signatures = []; },
    SignatureInformation: class { constructor(label, documentation) { Object.assign(this, { label, documentation, parameters: [] }); } },
    ParameterInformation: class { constructor(label, documentation) { Object.assign(this, { label, documentation }); } },
    SnippetTextEdit: class { constructor(range, snippet) { Object.assign(this, { range, snippet }); } },
    LinkedEditingRanges: class {},
    CodeActionTriggerKind: { Invoke: 1, Automatic: 2 },
    InlineCompletionTriggerKind: { Invoke: 0, Automatic: 1 },
    LanguageStatusSeverity: { Information: 0, Warning: 1, Error: 2 },
    NotebookCellKind: { Markup: 1, Code: 2 },
    ProgressLocation: { SourceControl: 1, Window: 10, Notification: 15 },
    RelativePattern: class { constructor(base, pattern) { this.baseUri = base.uri ?? Uri.file(String(base)); this.base = this.baseUri.fsPath; this.pattern = pattern; } },
    TabInputText: plain("uri"),
    TabInputTextDiff: plain("original", "modified"),
    TabInputCustom: plain("uri", "viewType"),
    TabInputNotebook: plain("uri", "notebookType"),
    Task: class { constructor(definition, scope, name, source, execution, problemMatchers) { Object.assign(this, { definition, scope, name, source, execution, problemMatchers }); } },
    ProcessExecution: class { constructor(process, args, options) { Object.assign(this, { process, args, options }); } },
    TaskGroup: { Build: "build", Test: "test" },
    TaskScope: { Global: 1, Workspace: 2 },
    env: strict("env", { language: "en", appName: "a stand-in for VS Code", openExternal: async () => true }),
    extensions: strict("extensions", { getExtension: () => undefined, onDidChange: event("extensions"), all: [] }),
    tasks: strict("tasks", {
      registerTaskProvider: (type, provider) => {
        seen.taskProviders.set(type, provider);
        return new Disposable(() => seen.taskProviders.delete(type));
      },
      onDidEndTaskProcess: event("taskEnd"),
      executeTask: async (task) => {
        seen.tasks.push(task);
        const exitCode = seen.exitCodes.shift() ?? 0;
        setImmediate(() => fire("taskEnd", { execution: { task }, exitCode }));
      },
    }),
    commands: strict("commands", {
      registerCommand: (name, run) => {
        if (commands.has(name)) {
          throw new Error(`the command ${name} is there already`);
        }
        commands.set(name, run);
        return new Disposable(() => commands.delete(name));
      },
      executeCommand: async (name, ...given) => (commands.get(name) ?? missing(`the command ${name}`))(...given),
    }),
  });

  /** The only provider of a kind for a document. */
  const provider = (kind, document) => {
    const found = (providers.get(kind) ?? []).filter(({ selector }) => match(selector, document) > 0);
    if (found.length !== 1) {
      throw new Error(`${found.length} providers of ${kind}: ${[...providers.keys()].join()}`);
    }
    return found[0].provider;
  };
  const token = new CancellationTokenSource().token;

  return { vscode, seen, settings, commands, diagnostics, event, fire, show, change, applied, provider, token, files: () => readdirSync(folder) };
};

/** An object whose missing members are mistakes of this file. */
function strict(name, given) {
  // What the language client asks for in vain without harm: proposed parts of the API, and the traces of promises.
  const absent = new Set(["then", "proposed", "toJSON", "__esModule", "default"]);
  return new Proxy(given, {
    get: (object, member) => (member in object || typeof member === "symbol" || absent.has(member) ? object[member] : missing(`${name}.${String(member)}`)),
  });
}

function missing(what) {
  throw new Error(`the stand-in for VS Code has no ${what}`);
}
