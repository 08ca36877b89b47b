#!/usr/bin/env node
// What npx runs: plain JavaScript, so that Node can start it and load TypeScript from there.
import module from "node:module";
import { fileURLToPath } from "node:url";

// Node 22.8 and newer need not compile the libraries again each time.
module.enableCompileCache?.(
  fileURLToPath(new URL("../node_modules/.cache/compiled", import.meta.url)),
);
const { createJiti } = await import("jiti");
await createJiti(import.meta.url).import("./homelab.ts");
