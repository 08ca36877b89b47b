import { inspect } from "node:util";
import { show } from "./show.ts";

/** More than any config has; a getter can make a value that never ends. */
const MAX_DEPTH = 16;
const MAX_LENGTH = 1000;

/**
 * A copy of what a config file exports, of plain objects, lists and primitive values alone. What else
 * is in it, a Map, an object of a class, a circle, a getter that throws, would pass for an empty object
 * or throw in the middle of the check: a function that shows it stands in for it, as no field takes one.
 */
export function plainCopy(exported: unknown): unknown {
  return copy(() => exported, []);
}

function copy(read: () => unknown, above: readonly unknown[]): unknown {
  try {
    const value = read();
    if (typeof value === "function") return standIn(show(value));
    if (typeof value !== "object" || value === null) return value;
    if (above.includes(value)) return standIn("a circle back to what it is in");
    if (above.length === MAX_DEPTH) return standIn("a value too deep to be read");
    const inside = [...above, value];
    if (Array.isArray(value)) {
      if (value.length > MAX_LENGTH) return standIn(`a list of ${value.length}`);
      return Array.from({ length: value.length }, (_, index) => copy(() => value[index], inside));
    }
    if (!isPlain(value)) return standIn(show(value));
    const entry = (key: string) => [key, copy(() => Reflect.get(value, key), inside)];
    return Object.fromEntries(Object.keys(value).map(entry));
  } catch (error) {
    return standIn(`what can't be read: ${thrown(error)}`);
  }
}

/** Also an object of another realm, and one without a prototype, such as an imported module. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function standIn(shown: string): () => void {
  // A function has a length, which would be checked as a list's.
  return Object.defineProperties(() => {}, {
    [inspect.custom]: { value: () => shown },
    length: { value: undefined },
  });
}

/**
 * What somebody's code threw, in one line: it need not be an error, and can throw when it is read.
 *
 * @param file absolute path of the code, to tell the line in it
 */
export function thrown(error: unknown, file?: string): string {
  try {
    if (!(error instanceof Error)) return `it throws ${show(error)}`;
    const said = error.message.split("\n").find((line) => line.trim() !== "");
    return `${place(error, file)}${said?.trim() ?? `${error.name} without a message`}`;
  } catch {
    return "it throws what can't be read";
  }
}

function place({ stack = "" }: Error, file?: string): string {
  const [, after] = file ? stack.split(`${file}:`) : [];
  const line = /^\d+/.exec(after ?? "");
  return line ? `line ${line}: ` : "";
}
