import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { probeAnsible } from "./ansible.ts";
import { probeAuth } from "./auth.ts";
import { cdktfCommand } from "./cdktf-command.ts";
import { probeDns } from "./dns.ts";
import { probeCaBundle, probeDocker } from "./docker.ts";
import { probeNomad } from "./nomad.ts";
import { probeRegistry } from "./registry.ts";
import { probeSecrets } from "./secrets.ts";
import { probeStorage } from "./storage.ts";
import { probeTls } from "./tls.ts";

/**
 * Asks everything a deploy will need whether it is there, side by side and before the long steps.
 * It changes nothing, and is no resource, so that a deploy without changes stays one. A synth needs
 * none of it and asks nothing.
 *
 * @throws UserError with a line for each part that does not answer
 */
export async function preflight(config: HomelabConfig): Promise<void> {
  const command = cdktfCommand();
  if (!command || !["deploy", "apply", "destroy", "diff", "plan"].includes(command)) return;
  const deploys = command === "deploy" || command === "apply";
  const probes = [probeNomad(config, deploys), probeDocker(config), probeRegistry(config)];
  if (command !== "destroy")
    probes.push(probeSecrets(config), probeStorage(config), probeAuth(config), probeTls(config));
  if (deploys) probes.push(probeAnsible(config), probeCaBundle(config), probeDns(config));
  const problems = (await Promise.all(probes)).flat();
  if (problems.length > 0) throw new UserError(problems);
}
