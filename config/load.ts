import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkConfig } from "./check.ts";
import { UserError } from "./errors.ts";
import type { HomelabConfig } from "./schema.ts";
import { show } from "./show.ts";

/** The repository's root: where homelab.config.ts, version.txt and image/ lie. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

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
 * @throws UserError with every problem found, one line each
 */
export async function loadConfig(env: NodeJS.ProcessEnv = process.env): Promise<LoadedConfig> {
  const file = resolve(ROOT, env.HOMELAB_CONFIG || "homelab.config.ts");
  const shown = relative(process.cwd(), file) || file;
  const problems: string[] = [];
  const version = readVersion(problems);
  const config = await readConfig(file, shown, problems);
  if (config === undefined || problems.length > 0) throw new UserError(problems);
  return { file, config, version };
}

async function readConfig(
  file: string,
  shown: string,
  problems: string[],
): Promise<HomelabConfig | undefined> {
  if (!existsSync(file) || !statSync(file).isFile()) {
    problems.push(
      `${shown}: no such file; name another with HOMELAB_CONFIG, or start from one of examples/`,
    );
    return undefined;
  }
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    problems.push(`${shown}: can't be loaded: ${firstLine(error)}`);
    return undefined;
  }
  if (exported.default === undefined) {
    problems.push(`${shown}: exports nothing; expected \`export default defineHomelab({ ... })\``);
    return undefined;
  }
  if (exported.default instanceof Promise) {
    problems.push(`${shown}: exports a promise; write \`export default await ...\``);
    return undefined;
  }
  try {
    return checkConfig(exported.default, shown);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function readVersion(problems: string[]): string {
  const file = resolve(ROOT, "version.txt");
  const allowed = "one line, a tag of at most 120 letters, digits and . _ -, such as 1.0.0";
  if (!existsSync(file) || !statSync(file).isFile()) {
    problems.push(`version.txt: no such file; expected ${allowed}`);
    return "";
  }
  const version = readFileSync(file, "utf8").trim();
  // The grammar of a tag: https://github.com/distribution/reference (with room for our "v").
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}$/.test(version))
    problems.push(`version.txt: found ${show(version)}; expected ${allowed}`);
  return version;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : show(error);
  // esbuild counts the errors first, and then says where and what.
  const located = message.split("\n").find((line) => /:\d+:\d+: ERROR:/.test(line));
  if (located) return located.trim();
  return (
    message
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? "it throws"
  );
}
