import { readFileSync } from "node:fs";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { SecretSource } from "../config/secret.ts";
import { readEnvFile } from "./env-file.ts";
import type { SecretSources, VariableOfFile } from "./spec.ts";

/** What Linux takes as one environment variable: MAX_ARG_STRLEN of execve(2). */
const LONGEST = 100_000;

/**
 * Reads secrets from where they are.
 *
 * @returns their values, by the names they were asked by
 * @throws UserError with a line for each that is missing, empty or no text
 */
export function readSecrets(
  sources: SecretSources,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const { values, problems } = contentsOf(sources, env);
  if (problems.length > 0) throw new UserError(problems);
  return values;
}

/** What is wrong with secrets where they are, one line each. */
export function secretProblems(
  sources: SecretSources,
  env: NodeJS.ProcessEnv = process.env,
): string[] {
  return contentsOf(sources, env).problems;
}

function contentsOf(sources: SecretSources, env: NodeJS.ProcessEnv) {
  const problems: string[] = [];
  const entries = Object.entries(sources).map(([name, { key, source }]): [string, string] => {
    const value = contentOf(source, env);
    const problem = typeof value === "string" ? problemOf(value) : value.problem;
    if (problem) problems.push(`${key}: ${placeOf(source)} ${problem}`);
    return [name, typeof value === "string" ? value : ""];
  });
  return { values: Object.fromEntries(entries), problems };
}

/** One secret, where it is there and is a text; what is wrong with it readSecrets tells. */
export function readSecret(
  source: SecretSource,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const value = contentOf(source, env);
  return typeof value === "string" && !problemOf(value) ? value : undefined;
}

function placeOf(source: SecretSource | VariableOfFile): string {
  if ("env" in source) return `the environment variable ${source.env}`;
  return `${"variable" in source ? `${source.variable} in ` : ""}the file ${source.file}`;
}

function contentOf(
  source: SecretSource | VariableOfFile,
  env: NodeJS.ProcessEnv,
): string | { problem: string } {
  if ("env" in source)
    return env[source.env] ?? { problem: "is not set; set it where you run this" };
  try {
    const text = readFileSync(source.file, "utf8");
    if ("variable" in source)
      return readEnvFile(text, source.file).variables[source.variable] ?? "";
    return text.replace(/\r?\n$/, "");
  } catch (error) {
    return { problem: `can't be read (${reason(error)}); make it readable where you run this` };
  }
}

function problemOf(value: string): string | undefined {
  if (value.trim() === "") return "is empty; put the secret there";
  // A file that is no UTF-8 yields this character.
  if (/[\0\ufffd]/.test(value)) return "holds no text; put the secret there";
  if (Buffer.byteLength(value) > LONGEST) return `is longer than ${LONGEST} bytes`;
  return undefined;
}
