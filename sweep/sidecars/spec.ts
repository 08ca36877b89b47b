/** Reads a file of sidecars, and says of each mistake in which line it is. */
import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { show } from "../../config/show.ts";
import { nearest } from "../nearest.ts";
import { whyNoFileStores } from "./file-stores.ts";
import {
  FILESTORE_KEYS,
  SIDECAR_KEYS,
  sidecarName,
  sidecarsSchema,
  variableName,
} from "./schema.ts";
import type { Sidecar } from "./sidecar.ts";

/** What a file of sidecars says, and what is wrong with it, one line each. */
export interface SidecarSpec {
  readonly sidecars: readonly Sidecar[];
  readonly problems: readonly string[];
}

/**
 * The sidecars of a YAML file.
 *
 * @param file as the user named it, for messages
 * @param hasVolume whether there is a volume for file stores
 */
export function readSidecars(text: string, file: string, hasVolume: boolean): SidecarSpec {
  const lines = new LineCounter();
  const lineOf = (offset: number) => Math.max(1, lines.linePos(offset).line);
  // Each scalar is then the text that the user wrote: 0.10 is no number that is written otherwise.
  const options = { schema: "failsafe", lineCounter: lines, prettyErrors: false } as const;
  const document = parseDocument(text, options);
  const malformed = [...document.errors, ...document.warnings].map(
    ({ code, message, pos }) =>
      `${file}:${lineOf(pos[0])}: ${code === "DUPLICATE_KEY" ? "found a name twice; expected it once" : `no YAML: ${message}`}`,
  );
  if (malformed.length > 0) return { sidecars: [], problems: malformed };
  const at = (path: readonly PropertyKey[]) => `${file}:${lineOf(offsetOf(document, path))}`;
  const value = plain(document);
  const names = wrongNames(value, at);
  const { data, error } = sidecarsSchema.safeParse(value, { reportInput: true });
  const wrong = [...names, ...(error?.issues ?? []).flatMap((each) => told(each, at))];
  if (!data || wrong.length > 0) return { sidecars: [], problems: wrong };
  const sidecars = Object.entries(data).map(
    ([name, { filestores, ...each }]): Sidecar => ({
      name,
      ...each,
      filestores: filestores.map((store) => store.name),
    }),
  );
  const none = sidecars.length === 0 ? [`${file}:1: found no sidecar; expected one`] : [];
  return {
    sidecars,
    problems: [...none, ...portsTwice(sidecars, at), ...noStores(sidecars, hasVolume, at)],
  };
}

/** The values; nothing where aliases make more of them than a file has. */
function plain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 10 }) ?? {};
  } catch {
    return undefined;
  }
}

type Place = (path: readonly PropertyKey[]) => string;

function told(issue: z.core.$ZodIssue, at: Place): string[] {
  const { path } = issue;
  const key = path.map(String).join(".");
  // An environment variable may be a secret.
  const found = path[1] === "env" || path.length === 0 ? "" : `found ${show(issue.input)}; `;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((each) => {
        const known = path.includes("filestores") ? FILESTORE_KEYS : SIDECAR_KEYS;
        const meant = nearest(each, known);
        const todo = meant ? `did you mean ${meant}?` : `expected one of ${known.join(", ")}`;
        return `${at([...path, each])}: ${key}.${each}: unknown key; ${todo}`;
      });
    case "invalid_union": {
      // Of the forms, that which the value has.
      const meant = issue.errors.find((errors) => errors.some(({ code }) => code === "custom"));
      const message = meant?.[0]?.message ?? issue.message;
      return [`${at(path)}: ${key}: ${found}expected ${message}`];
    }
    default:
      if (issue.input === undefined && path.length > 0)
        return [`${at(path)}: ${key}: missing; expected ${issue.message}`];
      return [`${at(path)}: ${key && `${key}: `}${found}expected ${issue.message}`];
  }
}

function wrongNames(value: unknown, at: Place): string[] {
  const check = (name: string, schema: z.ZodType, path: string[]) =>
    (schema.safeParse(name).error?.issues ?? []).map(
      ({ message }) => `${at(path)}: ${path.join(".")}: found ${show(name)}; expected ${message}`,
    );
  const entries = (of: unknown) =>
    typeof of === "object" && of !== null && !Array.isArray(of) ? Object.entries(of) : [];
  return entries(value).flatMap(([name, sidecar]) => [
    ...check(name, sidecarName, [name]),
    ...entries(sidecar?.env).flatMap(([each]) => check(each, variableName, [name, "env", each])),
  ]);
}

/** Where what a path leads to is written, or else what it is missing in. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const step of path) {
    const items: unknown[] = isMap(node) || isSeq(node) ? node.items : [];
    const item = items.find(
      (each, index) =>
        (isPair(each) && isScalar(each.key) && each.key.value === step) || index === step,
    );
    if (isPair(item)) {
      if (isScalar(item.key)) offset = item.key.range?.[0] ?? offset;
      node = item.value;
    } else {
      if (isScalar(item) || isMap(item)) offset = item.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}

function noStores(sidecars: readonly Sidecar[], hasVolume: boolean, at: Place): string[] {
  const why = whyNoFileStores(hasVolume);
  if (!why) return [];
  return sidecars
    .filter(({ filestores }) => filestores.length > 0)
    .map(
      ({ name, filestores }) =>
        `${at([name, "filestores"])}: ${name}.filestores: found ${filestores.join(", ")}; ${why}`,
    );
}

/** Tasks know a sidecar by its port alone. */
function portsTwice(sidecars: readonly Sidecar[], at: Place): string[] {
  const owners = new Map<number, string>();
  return sidecars.flatMap(({ name, ports }) =>
    ports.flatMap((port, index) => {
      const owner = owners.get(port);
      owners.set(port, name);
      if (owner === undefined) return [];
      return [
        `${at([name, "ports", index])}: ${name}.ports.${index}: found ${port}, which ${owner} has as well; expected each port once`,
      ];
    }),
  );
}
