import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../config/errors.ts";
import { ROOT } from "../config/load.ts";
import { probeAnsibleCommand } from "../preflight/ansible.ts";

export interface PlaybookResult {
  readonly exitCode: number;
  /** All that Ansible printed. */
  readonly lines: readonly string[];
}

const ANSIBLE = join(ROOT, "ansible");

/** What a synth writes. */
export const GENERATED = join(ANSIBLE, "generated");

/**
 * Runs a playbook outside of a deploy, on the inventory of the last synth.
 *
 * @param playbook absolute path
 * @throws UserError when Ansible is not installed
 */
export async function runPlaybook(playbook: string): Promise<PlaybookResult> {
  const absent = probeAnsibleCommand();
  if (absent.length > 0) throw new UserError(absent);
  const inventory = join(GENERATED, "inventory.yml");
  const { all, exitCode } = await execa("ansible-playbook", ["--inventory", inventory, playbook], {
    env: { ANSIBLE_CONFIG: join(ANSIBLE, "ansible.cfg") },
    all: true,
    reject: false,
    stdin: "ignore",
  });
  return { exitCode: exitCode ?? 1, lines: String(all).split("\n") };
}
