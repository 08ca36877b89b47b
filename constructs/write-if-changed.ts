import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file, whole or not at all, and only when its content differs: a reader never sees half
 * of it, and its time tells when it last changed.
 *
 * @param file absolute path; missing directories above it are made
 */
export function writeIfChanged(file: string, content: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === content) return;
  mkdirSync(dirname(file), { recursive: true });
  // Of this process alone: two synths at once don't take each other's file away.
  const whole = `${file}.${process.pid}.new`;
  writeFileSync(whole, content);
  renameSync(whole, file);
}
