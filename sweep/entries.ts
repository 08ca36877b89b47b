import { ALIASES, COILED_NAMES, fromCoiled, type Meaning } from "./coiled.ts";
import type { Directive, Header } from "./header.ts";
import { nearest } from "./nearest.ts";
import { Wrong } from "./wrong.ts";

/** What is said of an option in one place. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Where it is said, for messages: `--cpu` or `train.py:3: cpu`. */
  readonly where: string;
  /** Who says it; the first of these that says anything of an option decides. */
  readonly layer: Layer;
}

/** Places that say something, what counts most first. */
export const LAYERS = ["command line", "SWEEP", "COILED"] as const;
export type Layer = (typeof LAYERS)[number];

/** Whether what is said in one place counts over what is said in another, or is of the same. */
export function isAsNear(one: Layer, other: Layer): boolean {
  return LAYERS.indexOf(one) <= LAYERS.indexOf(other);
}

/** Options that stand alone and mean true. */
export const FLAGS = ["fail-fast", "gpu", "local", "outputs", "wait", "yes"];

/** Options of which several may be said. */
export const REPEATED = ["env", "secret-env", "constraint", "filestore", "upload"];

/** Options that a header may say several times. */
const ADDING = [...REPEATED, "env-file", "secret-env-file"];

/** Options whose values are not shown. */
const MAY_BE_SECRET = ["env", "secret-env", "tracker"];

/** Options of which at most one may be said in one place: each says what the tasks are. */
export const TASK_OPTIONS = ["map-over-values", "map-over-file", "grid", "ntasks", "array"];

/** What a header may say. */
export const DIRECTIVES = [
  ...TASK_OPTIONS,
  ...REPEATED,
  ...["map-over-delimiter", "map-over-input-var", "secret-env-file"],
  ...["name", "max-workers", "env-file", "cpu", "memory", "gpu", "container", "requirements"],
  ...["retries", "timeout", "wait-timeout", "fail-fast", "wait", "namespace", "driver"],
  ...["sync", "download", "outputs"],
  ...["sidecar-spec", "sidecar-timeout", "tracker"],
];

/** Where a value ends and a comment begins, as in a script. */
const COMMENT = /\s#\s/;
/** `A=1 B=2`, which on the command line are two. */
const SEVERAL = /\s[A-Za-z_]\w*=/;

/** What the header's directives say, with what is wrong with them and what the user should know. */
export function headerEntries(
  { directives, unread }: Header,
  file: string,
): { entries: Entry[]; problems: string[]; notices: string[] } {
  const entries: Entry[] = [];
  const problems: string[] = [];
  const notices: string[] = [];
  for (const { marker, key: written, value: text = "", line } of directives) {
    const at = `${file}:${line}`;
    const { key, value, notice } = meaningOf(marker, written, text);
    const isKnown = key === undefined || DIRECTIVES.includes(key);
    const hasValue = key === undefined || value !== "" || FLAGS.includes(key);
    if (written === "") problems.push(`${at}: a directive without a name; ${allowedKeys(marker)}`);
    else if (!isKnown)
      problems.push(`${at}: ${written}: unknown directive; ${allowedKeys(marker, written)}`);
    else if (!hasValue) problems.push(`${at}: ${written}: no value; expected one after the name`);
    else if (key && !["env", "map-over-delimiter"].includes(key) && COMMENT.test(value))
      problems.push(
        `${at}: ${written}: found a comment in its value; expected it on another line, and values that are none on the command line or in a file`,
      );
    else {
      if (notice) notices.push(`${at}: ${written} ${notice}`);
      if (key === undefined) continue;
      const entry = { key, value: value || "true", where: `${at}: ${written}`, layer: marker };
      const other = ADDING.includes(key) ? undefined : entries.find(isRivalOf(entry));
      if (other) problems.push(`${entry.where}: ${other.where} says otherwise; expected it once`);
      entries.push(entry);
      if (SEVERAL.test(key === "env" ? value : ""))
        notices.push(
          `${at}: ${written} is one variable, ${value.split("=")[0]}; another has a line of its own`,
        );
    }
  }
  for (const { marker, key, line, expected } of unread)
    if (DIRECTIVES.includes(key))
      notices.push(`${file}:${line}: ${key} is not read: expected # ${marker} ${expected}`);
  return { entries, problems, notices };
}

/** Something else said of the same option in the same place. */
function isRivalOf({ key, layer, value }: Entry): (other: Entry) => boolean {
  return (other) => other.key === key && other.layer === layer && other.value !== value;
}

function meaningOf(marker: Directive["marker"], written: string, text: string): Meaning {
  if (marker === "COILED") return fromCoiled(written, text);
  return { key: ALIASES[written] ?? written, value: text };
}

function allowedKeys(marker: Directive["marker"], written = ""): string {
  const known = marker === "COILED" ? [...DIRECTIVES, ...COILED_NAMES] : DIRECTIVES;
  const meant = written && nearest(written, known);
  if (meant) return `did you mean ${meant}?`;
  return `expected one of ${[...DIRECTIVES].sort().join(", ")}`;
}

/** What the options of the command line say, as commander has read them. */
export function commandLineEntries(options: Readonly<Record<string, unknown>>): Entry[] {
  return [...DIRECTIVES, "local", "yes", ...Object.keys(ALIASES)].flatMap((name) => {
    const value = options[name.replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase())];
    if (value === undefined) return [];
    const key = ALIASES[name] ?? name;
    const values = Array.isArray(value) ? value : [value];
    const entry = (each: unknown): Entry => ({
      key,
      value: key === "map-over-delimiter" ? String(each) : String(each).trim(),
      where: `--${name}`,
      layer: "command line",
    });
    return REPEATED.includes(key) ? values.map(entry) : [entry(values.join(" "))];
  });
}

/** All that is said, asked option by option; what can't be read becomes a problem. */
export class Inputs {
  readonly problems: string[] = [];
  private readonly entries: readonly Entry[];

  constructor(entries: readonly Entry[]) {
    this.entries = entries;
  }

  /** What is said in the place that counts; what other places say is checked as well. */
  one<T>(key: string, parse: (text: string, entry: Entry) => T): T | undefined {
    const [first] = this.all(key, parse);
    return first;
  }

  /** All that is said, what counts most first. */
  all<T>(key: string, parse: (text: string, entry: Entry) => T): T[] {
    const said = this.said(key);
    return said.flatMap((entry) => {
      try {
        return [parse(entry.value, entry)];
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        const found = MAY_BE_SECRET.includes(key) ? "" : `found ${JSON.stringify(entry.value)}; `;
        this.problems.push(`${entry.where}: ${found}expected ${error.message}`);
        return [];
      }
    });
  }

  /** What says what the tasks are: two in one place are a problem. */
  tasks(): Entry | undefined {
    const said = TASK_OPTIONS.flatMap((key) => this.said(key));
    for (const layer of LAYERS) {
      const [first, second] = said.filter((each) => each.layer === layer);
      if (first && second && first.key !== second.key)
        this.problems.push(
          `${second.where}: not together with ${first.where}; expected one of ${TASK_OPTIONS.join(", ")}`,
        );
      if (first) return first;
    }
    return undefined;
  }

  /** Whether an option is said nearer than another that is said too: it counts over that. */
  isNearer(key: string, other: string): boolean {
    const [one, far] = [this.said(key)[0], this.said(other)[0]];
    return one !== undefined && far !== undefined && !isAsNear(far.layer, one.layer);
  }

  /** Which of these are said, and not to be false. */
  which(keys: readonly string[]): string[] {
    return keys.filter((key) => !["false", undefined].includes(this.said(key)[0]?.value));
  }

  private said(key: string): Entry[] {
    const own = this.entries.filter((entry) => entry.key === key);
    return LAYERS.flatMap((layer) => own.filter((entry) => entry.layer === layer));
  }
}
