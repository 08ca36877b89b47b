#!/usr/bin/env node
// What npx runs: plain JavaScript, so that Node can start it. It takes what cli/bundle.ts has made, or
// where a source has changed since, loads TypeScript from there.
import { readFileSync, statSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
// Node 22.8 and newer need not compile the libraries again each time.
module.enableCompileCache?.(fileURLToPath(new URL("node_modules/.cache/compiled", root)));
if (isBundled()) await import("../dist/homelab.js");
else {
  const { createJiti } = await import("jiti");
  await createJiti(import.meta.url).import("./homelab.ts");
}

function isBundled() {
  try {
    const sources = JSON.parse(readFileSync(new URL("dist/sources.json", root), "utf8"));
    return Object.entries(sources).every(
      ([path, changed]) => statSync(new URL(path, root)).mtimeMs === changed,
    );
  } catch {
    return false;
  }
}
