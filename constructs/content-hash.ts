import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * SHA-256 (hex) over all files below a directory: names, executable bits, contents. The same in
 * every checkout: times and owners don't count.
 *
 * @param directory absolute path
 * @param more other texts that the result depends on
 */
export function contentHash(directory: string, more: readonly string[] = []): string {
  const hash = createHash("sha256");
  const add = (part: string | Buffer) => hash.update(`${part.length}:`).update(part);
  for (const file of filesBelow(directory)) {
    const path = join(directory, file);
    add(file);
    add((lstatSync(path).mode & 0o100) === 0 ? "file" : "executable");
    add(readFileSync(path));
  }
  for (const each of more) add(each);
  return hash.digest("hex");
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}
