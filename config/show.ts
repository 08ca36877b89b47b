import { inspect } from "node:util";

// Unlike JSON it knows circles, functions and big numbers.
const OPTIONS = { depth: 1, breakLength: Number.POSITIVE_INFINITY };

/** A value as it stands in a message, cut where it is long. */
export function show(value: unknown): string {
  const json = typeof value === "string" ? JSON.stringify(value) : inspect(value, OPTIONS);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
