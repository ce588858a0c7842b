// Makes zosc-VERSION.vsix of what out/ and package.json say; the same files make the same bytes.

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

process.chdir(import.meta.dirname);
const { name, version } = JSON.parse(readFileSync("package.json", "utf8"));
const vsce = createRequire(import.meta.url).resolve("@vscode/vsce/vsce");
execFileSync(
  process.execPath,
  [vsce, "package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", `${name}-${version}.vsix`],
  {
    stdio: "inherit",
    // The time stamp of every file in the package.
    env: { SOURCE_DATE_EPOCH: "1767225600", ...process.env, TZ: "UTC" },
  },
);
