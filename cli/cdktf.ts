import { createWriteStream, mkdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { loadConfig, ROOT } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { labEnvironment } from "../lab/environment.ts";
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import { onInterrupt } from "./interrupt.ts";
import { endLeftover, noteCdktf } from "./leftover.ts";
import { checkStateFile } from "./state-file.ts";

export interface CdktfCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The cdktf command of this repository's own packages. */
export const CDKTF = join(ROOT, "node_modules", "cdktf-cli", "bundle", "bin", "cdktf");

/** Where cdktf writes; the embedded homelab has its own, since Terraform settles there on a state. */
export function outputDirectory(config: HomelabConfig): string {
  return join(config.embedded ? labSettings().dir : ROOT, "cdktf.out");
}

/** Where the output of the last deploy, diff and destroy is kept. */
export function logDirectory(config: HomelabConfig): string {
  return config.embedded ? join(labSettings().dir, "log") : join(ROOT, "cdktf.out");
}

/** Commands that talk to Terraform's providers, and so want the lab's. */
const WITH_PROVIDERS = ["deploy", "diff", "destroy"];

/**
 * The cdktf call for a config: as a user would type it, and for the embedded homelab with the tools
 * and providers that `lab-up` found.
 *
 * @param command "synth", "diff", "deploy" or "destroy"
 * @throws LabError when the embedded homelab was never started
 */
export function cdktfCall(command: string, config: HomelabConfig, more: string[] = []): CdktfCall {
  const stacks = command === "synth" ? [] : ["mlflow"];
  // Neither a look for newer versions nor a crash report: a deploy talks to the homelab alone.
  const env = { CHECKPOINT_DISABLE: "1", DISABLE_VERSION_CHECK: "1" };
  if (!config.embedded) return { args: [command, ...stacks, ...more], env };
  const lab = labEnvironment(readLabState(labSettings()));
  const flags = ["--app", "node_modules/.bin/jiti lab/app.ts", "--output", outputDirectory(config)];
  const providerFlags = WITH_PROVIDERS.includes(command) ? lab.cdktfFlags : [];
  return {
    args: [command, ...stacks, ...flags, ...providerFlags, ...more],
    env: { ...env, ...lab.env },
  };
}

/** What a run of cdktf has come to. */
export interface CdktfResult {
  readonly exitCode: number;
  /** Whether there was a Ctrl-C. */
  readonly interrupted: boolean;
  /** All that cdktf printed, which hands on Terraform's lines. */
  readonly lines: readonly string[];
  /** Path of the file that holds them as well. */
  readonly log: string;
  /** The name or path by which cdktf started Terraform. */
  readonly terraform: string;
  /** What Terraform finds in its environment besides ours. */
  readonly env: Readonly<Record<string, string>>;
}

export interface CdktfListener {
  /** Gets each line as it comes. */
  readonly line?: (line: string) => void;
  /** Gets what the user is told about the run itself. */
  readonly say: (text: string) => void;
}

/**
 * Runs a cdktf command without a terminal, so that a line is a line, and ends Terraform cleanly on
 * Ctrl-C.
 *
 * @throws UserError when Terraform's state is damaged, or the embedded homelab was never started
 */
export async function runCdktf(
  command: "deploy" | "diff" | "destroy",
  config: HomelabConfig,
  more: string[],
  { line: note = () => {}, say }: CdktfListener,
): Promise<CdktfResult> {
  checkStateFile(resolve(ROOT, config.state.path));
  const { args, env } = cdktfCall(command, config, ["--no-color", ...more]);
  const directory = logDirectory(config);
  const started = join(directory, "cdktf.json");
  const terraform = env.TERRAFORM_BINARY_NAME ?? process.env.TERRAFORM_BINARY_NAME ?? "terraform";
  await endLeftover(started, terraform, say);
  const log = join(directory, `${command}.log`);
  mkdirSync(directory, { recursive: true });
  const file = createWriteStream(log);
  // A log that can't be written is no reason to end: what matters is in the lines.
  file.on("error", () => {});
  const cdktf = execa("node", [CDKTF, ...args], {
    cwd: ROOT,
    // CI: without a terminal's moving parts.
    env: { ...env, CI: "1", FORCE_COLOR: "0" },
    all: true,
    buffer: false,
    reject: false,
    stdin: "ignore",
    // Ctrl-C is for us alone: cdktf would abort at once.
    detached: true,
  });
  const pid = cdktf.pid ?? 0;
  const interruption = onInterrupt(pid, terraform, say);
  const forget = noteCdktf(started, pid);
  const lines: string[] = [];
  try {
    for await (const line of createInterface({ input: cdktf.all })) {
      file.write(`${line}\n`);
      lines.push(line);
      note(line);
    }
    const { exitCode = 1 } = await cdktf;
    const interrupted = interruption.happened();
    return { exitCode, interrupted, lines, log, terraform, env };
  } finally {
    interruption.release();
    forget();
    file.end();
  }
}

/** Runs `cdktf synth` on the terminal as it is. */
export async function synth(): Promise<void> {
  const { config } = await loadConfig();
  const { args, env } = cdktfCall("synth", config);
  // Without a terminal moving parts are noise.
  const plain: Record<string, string> = process.stdout.isTTY ? {} : { CI: "1", FORCE_COLOR: "0" };
  const result = await execa("node", [CDKTF, ...args], {
    cwd: ROOT,
    env: { ...env, ...plain },
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = result.exitCode ?? 1;
  if (result.exitCode === 0)
    console.log(`It is in ${relative(process.cwd(), outputDirectory(config))}/stacks/mlflow/`);
}
