#!/usr/bin/env node
// What npx runs: plain JavaScript, so that Node can start it and load TypeScript from there.
import "tsx";

await import("./homelab.ts");
