import { type Stats, statSync } from "node:fs";

/** What lies at a path here, behind a link too; undefined where that can't be found out: nothing, most often. */
export function statHere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // No right to look there, a name that is too long, links in a circle.
    return undefined;
  }
}
