import { readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import { checkConfig } from "./check.ts";
import { isUserError, printProblems, UserError } from "./errors.ts";
import { thrown } from "./plain.ts";
import { reason } from "./reason.ts";
import type { HomelabConfig } from "./schema.ts";
import { show } from "./show.ts";

/** The repository's root: where homelab.config.ts, version.txt and image/ lie. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Seconds a config's own code may take. */
const PATIENCE_S = 60;

export interface LoadedConfig {
  /** Absolute path of the file it was read from. */
  readonly file: string;
  readonly config: HomelabConfig;
  /** The image's version: what version.txt says. */
  readonly version: string;
}

/**
 * Loads and checks homelab.config.ts, or the file that HOMELAB_CONFIG names, and version.txt.
 *
 * @param root absolute path of the directory that holds them
 * @throws UserError with every problem found, one line each
 */
export async function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  root = ROOT,
): Promise<LoadedConfig> {
  const file = resolve(root, env.HOMELAB_CONFIG || "homelab.config.ts");
  const near = relative(process.cwd(), file);
  const shown = near.startsWith("..") ? file : near;
  const problems: string[] = [];
  const version = readVersion(root, problems);
  const config = await readConfig(file, shown, problems);
  if (config === undefined || problems.length > 0) throw new UserError(problems);
  return { file, config, version };
}

async function readConfig(
  file: string,
  shown: string,
  problems: string[],
): Promise<HomelabConfig | undefined> {
  const refuse = (problem: string) => void problems.push(`${shown}: ${problem}`);
  const start = "name another with HOMELAB_CONFIG, or start from one of examples/";
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return refuse(`no such file; ${start}`);
  if (!found.isFile()) return refuse(`a directory, not a file; ${start}`);
  try {
    return await watchOver(refuse, problems, async () => {
      const { default: exported } = await load(file);
      if (exported === undefined)
        return refuse("exports nothing; expected `export default defineHomelab({ ... })`");
      if (exported instanceof Promise) {
        exported.catch(() => {});
        return refuse("exports a promise; write `export default await ...`");
      }
      return checkConfig(exported, shown);
    });
  } catch (error) {
    if (isUserError(error)) problems.push(...error.problems);
    else refuse(`can't be loaded: ${thrown(error, file)}`);
    return undefined;
  }
}

/** The exports of a config, wherever it lies: one outside of the repository finds no package by itself. */
async function load(file: string): Promise<{ default?: unknown }> {
  const alias = {
    "homelab-mlflow": join(ROOT, "config", "define.ts"),
    "homelab-mlflow/lab": join(ROOT, "lab", "embedded.ts"),
  };
  return createJiti(import.meta.url, { alias, interopDefault: false }).import(file);
}

/**
 * Runs a config's code. What it does to the process is told as well and is a failure, process.exit(0)
 * too: cdktf would go on with what an earlier synth has left.
 */
async function watchOver<T>(
  refuse: (problem: string) => void,
  problems: readonly string[],
  run: () => Promise<T>,
): Promise<T> {
  let why = "calls process.exit; throw an Error instead";
  const end = (reason: string) => {
    why = reason;
    process.exit(1);
  };
  const exit = () => {
    refuse(why);
    printProblems(problems);
    process.exitCode = 1;
  };
  const idle = () => end("never ends: it awaits what does not come");
  const uncaught = (error: unknown) => refuse(`fails beside its export: ${thrown(error)}`);
  const late = () => end(`not loaded after ${PATIENCE_S} s`);
  const timer = setTimeout(late, PATIENCE_S * 1000).unref();
  process.on("exit", exit).on("beforeExit", idle).on("uncaughtException", uncaught);
  try {
    return await run();
  } finally {
    // A promise that was rejected and left alone is told of only now.
    await turn();
    clearTimeout(timer);
    process.off("exit", exit).off("beforeExit", idle).off("uncaughtException", uncaught);
  }
}

function readVersion(root: string, problems: string[]): string {
  const allowed = "one line, a tag of at most 120 letters, digits and . _ -, such as 1.0.0";
  try {
    const version = readFileSync(join(root, "version.txt"), "utf8").trim();
    // The grammar of a tag: https://github.com/distribution/reference (with room for our "v").
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$/.test(version))
      problems.push(`version.txt: found ${show(version)}; expected ${allowed}`);
    return version;
  } catch (error) {
    problems.push(`version.txt: ${reason(error)}; expected ${allowed}`);
    return "";
  }
}
