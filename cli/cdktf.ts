import { join } from "node:path";
import { execa } from "execa";
import { loadConfig, ROOT } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { labEnvironment } from "../lab/environment.ts";
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";

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

/** Runs a cdktf command on the terminal as it is, with what the user has to answer. */
export async function passToCdktf(command: string, more: string[] = []): Promise<void> {
  const { config } = await loadConfig();
  const { args, env } = cdktfCall(command, config, more);
  // Without a terminal nobody can answer, and moving parts are noise.
  const plain: Record<string, string> = process.stdout.isTTY ? {} : { CI: "1", FORCE_COLOR: "0" };
  const result = await execa("node", [CDKTF, ...args], {
    cwd: ROOT,
    env: { ...env, ...plain },
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = result.exitCode ?? 1;
}
