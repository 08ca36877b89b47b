import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { readSecrets } from "../secrets/read.ts";
import type { SecretsSpec } from "../secrets/spec.ts";
import { secretsGeneration } from "../secrets/variable.ts";
import { secretsSpec } from "../stacks/secrets-spec.ts";
import { cdktfCommand } from "./cdktf-command.ts";

/** Is each secret where the config says it is? */
export async function probeSecrets(config: HomelabConfig): Promise<string[]> {
  try {
    readSecrets(secretsSpec(config).sources);
    return [];
  } catch (error) {
    if (error instanceof UserError) return [...error.problems];
    throw error;
  }
}

/**
 * The generation of a task's secrets that a deploy or a diff is about: Nomad is asked whether they have
 * changed. Nothing where there are none, and for a synth, which asks nothing.
 *
 * @throws UserError when Nomad does not let us read the variable
 */
export async function generationNow(all: readonly SecretsSpec[]): Promise<string | undefined> {
  const specs = all.filter(({ sources }) => Object.keys(sources).length > 0);
  if (specs.length === 0) return undefined;
  if (!["deploy", "apply", "diff", "plan"].includes(cdktfCommand() ?? "")) return undefined;
  return secretsGeneration(specs);
}
