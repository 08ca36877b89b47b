#!/usr/bin/env node
// What npx runs: plain JavaScript, so that Node can start it. It takes what cli/bundle.ts has made, or
// where a source has changed since, loads TypeScript from there.
import { readFileSync, statSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
// Node 22.8 and newer need not compile the libraries again each time.
module.enableCompileCache?.(fileURLToPath(new URL("node_modules/.cache/compiled", root)));
const bundle = bundled();
if (bundle) await import(new URL(`dist/${bundle}/homelab.js`, root).href);
else {
  const { createJiti } = await import("jiti");
  await createJiti(import.meta.url).import("./homelab.ts");
}

function bundled() {
  try {
    const { folder, sources } = JSON.parse(readFileSync(new URL("dist/latest.json", root), "utf8"));
    const isCurrent = Object.entries(sources).every(
      ([path, changed]) => statSync(new URL(path, root)).mtimeMs === changed,
    );
    return isCurrent ? folder : undefined;
  } catch {
    return undefined;
  }
}
