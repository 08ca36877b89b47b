#!/usr/bin/env node
// What npx runs: plain JavaScript, so that Node can start it and load TypeScript from there.
import { createJiti } from "jiti";

await createJiti(import.meta.url).import("./homelab.ts");
