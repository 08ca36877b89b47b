/** The texts of options, as values. Each throws Wrong with what is allowed. */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import { constraint } from "../config/constraint.ts";
import { IMAGE, name, VARIABLE_NAME } from "../config/fields.ts";
import { reason } from "../config/reason.ts";
import type { SecretSource } from "../config/secret.ts";
import { wholeNumber } from "./tasks.ts";
import { Wrong } from "./wrong.ts";

export type NodeConstraint = z.output<typeof constraint>;

/** Seconds in each, by its first letter. */
const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
/** MiB in each, rounded up. */
const MEMORY = { m: 1, mb: 1, mib: 1, g: 1024, gb: 1024, gib: 1024 } as const;

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value === undefined || value < min || value > max)
      throw new Wrong(`a whole number from ${min} to ${max}`);
    return value;
  };
}

export function flag(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new Wrong("true or false");
}

/** GPUs: `true` is one. */
export function gpus(text: string): number {
  if (text === "true") return 1;
  if (text === "false") return 0;
  const value = wholeNumber(text);
  if (value === undefined || value > 64) throw new Wrong("true, false or a number of GPUs");
  return value;
}

/** Seconds. */
export function duration(text: string): number {
  const [, number, unit = "s"] =
    /^(\d{1,7})\s*(s|m|h|d|(?:sec|second|min|minute|hr|hour|day)s?)?$/.exec(text) ?? [];
  const seconds = Number(number) * UNITS[unit[0] as keyof typeof UNITS];
  if (!(seconds > 0)) throw new Wrong("a time such as 90s, 30m or 2h");
  return seconds;
}

/** MiB. */
export function memory(text: string): number {
  const [, number, unit = "MiB"] = /^(\d{1,8})\s*([mg]i?b?)?$/i.exec(text) ?? [];
  const value = Number(number) * MEMORY[unit.toLowerCase() as keyof typeof MEMORY];
  if (!(value >= 10 && value <= 16_777_216))
    throw new Wrong("MiB, from 10, or a size such as 2GiB");
  return value;
}

export function sweepName(text: string): string {
  const { success } = name().safeParse(text);
  if (!success) throw new Wrong("1 to 63 lower-case letters, digits or hyphens, not at the ends");
  return text;
}

export function namespace(text: string): string {
  if (!/^[a-zA-Z0-9-]{1,128}$/.test(text)) throw new Wrong("1 to 128 letters, digits or hyphens");
  return text;
}

export function container(text: string): string {
  if (!IMAGE.test(text)) throw new Wrong("an image, such as python:3.11-slim-bookworm");
  return text;
}

export function driver(text: string): "docker" | "raw_exec" {
  if (text !== "docker" && text !== "raw_exec") throw new Wrong("docker or raw_exec");
  return text;
}

/** The MLflow that tasks log to: the deployed one, one that ends with the sweep, or any other. */
export function tracker(text: string): "service" | "sidecar" | URL {
  if (text === "service" || text === "sidecar") return text;
  const url = /^https?:\/\/\S+$/.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url?.username || url?.password)
    throw new Wrong(
      "a URL without a login, which goes into --secret-env MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD",
    );
  if (url) return url;
  throw new Wrong("service (the deployed MLflow), sidecar (one that ends with the sweep) or a URL");
}

/** `NAME=VALUE`. */
export function variable(text: string): [string, string] {
  const at = text.indexOf("=");
  const key = text.slice(0, Math.max(at, 0));
  if (!VARIABLE_NAME.test(key) || text.includes("\0")) throw new Wrong("NAME=VALUE");
  return [key, text.slice(at + 1)];
}

/** What is between values. */
export function delimiter(text: string): string {
  if (text === "") throw new Wrong("a text, such as ;");
  return text;
}

/** Name of a variable that a task finds its value in. */
export function inputVariable(text: string): string {
  if (
    !VARIABLE_NAME.test(text) ||
    /^(SWEEP_|NOMAD_|COILED_(?!BATCH_TASK_INPUT$)|(PATH|HOME|IFS)$)/.test(text)
  )
    throw new Wrong(
      "the name of a variable, not PATH, HOME or IFS, nor one of SWEEP_, NOMAD_ or COILED_",
    );
  return text;
}

/** `NAME`, of the environment, or `NAME=@FILE`. The secret itself is never on a command line. */
export function secretVariable(text: string): [string, SecretSource] {
  const [, key, file] = /^([A-Za-z_]\w*)(?:=@(.+))?$/.exec(text) ?? [];
  if (!key)
    throw new Wrong("NAME, of a variable that is set here, or NAME=@FILE; never the secret itself");
  return [key, file ? { file } : { env: key }];
}

/** `ATTRIBUTE=VALUE`, `ATTRIBUTE OPERATOR VALUE`, `ATTRIBUTE is_set`. */
export function nodeConstraint(text: string): NodeConstraint {
  const parts =
    /^(\$\{[^}]+\}|[\w.-]+)\s*(==?|!=|>=|<=|>|<)\s*(.+)$/.exec(text) ??
    /^(\$\{[^}]+\}|[\w.-]+)\s+([a-z_]+)(?:\s+(.+))?$/.exec(text);
  const [, attribute = "", operator = "", value = ""] = parts ?? [];
  const known = attribute.startsWith("$") ? attribute : `\${${attribute}}`;
  const { success, data } = constraint.safeParse({ attribute: known, operator, value });
  if (!parts || !success)
    throw new Wrong("an attribute of Nomad's, an operator and a value: node.class=gpu");
  return data;
}

/** A text file of the user's. */
export function textFile(file: string): string {
  const wrong = (why: string) => new Wrong(`a text file that can be read (${why})`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    throw wrong(error instanceof TypeError ? "it is no UTF-8" : reason(error));
  }
  // A shell can't have it in a text.
  if (text.includes("\0")) throw wrong("it has a NUL byte in it");
  return text;
}
