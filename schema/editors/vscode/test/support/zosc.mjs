// The zosc that tests start: $ZOSC, else the one that cargo has built.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../../", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? `${repository}target`;
const path = process.env.ZOSC ?? `${target}/debug/zosc`;

export const zosc = { path, missing: existsSync(path) ? false : `skipped: there is no ${path} (ZOSC)` };
