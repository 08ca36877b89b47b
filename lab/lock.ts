import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { labErrors } from "./errors.ts";
import { identify, isRunning } from "./processes.ts";
import type { LabSettings } from "./settings.ts";

/**
 * Keeps a second lab-up or lab-down away from the same lab. One left by a killed command is taken
 * over.
 *
 * @returns what releases it
 * @throws LabError when another command holds it
 */
export function lockLab({ dir, lockFile }: LabSettings): () => void {
  mkdirSync(dirname(lockFile), { recursive: true });
  const own = JSON.stringify(identify(process.pid));
  const release = () => rmSync(lockFile, { force: true });
  for (;;) {
    try {
      writeFileSync(lockFile, own, { flag: "wx" });
      return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readHolder(lockFile);
    if (holder && isRunning(holder)) throw labErrors.busy(dir, holder.pid);
    release();
  }
}

function readHolder(lockFile: string) {
  try {
    return JSON.parse(readFileSync(lockFile, "utf8"));
  } catch {
    return undefined;
  }
}
