import { closest, distance } from "fastest-levenshtein";

/** The known name that somebody may have meant; undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const found = closest(name.toLowerCase(), [...known]);
  return distance(name.toLowerCase(), found) <= Math.max(2, Math.floor(name.length / 3))
    ? found
    : undefined;
}
