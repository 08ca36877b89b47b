import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../config/errors.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { CDKTF, cdktfCall } from "./cdktf.ts";
import { expectLab } from "./lab.ts";
import { GENERATED, runPlaybook } from "./playbook.ts";
import { explainFailure } from "./terraform-progress.ts";

/**
 * Runs the generated playbook though nothing in it has changed: a client was set up anew, or its
 * mount is stale. What is as it should be is left alone.
 *
 * @throws UserError with what was refused, by client
 */
export async function prepare(): Promise<void> {
  const { config } = await loadConfig();
  await expectLab(config);
  const { args, env } = cdktfCall("synth", config);
  const synth = await execa("node", [CDKTF, ...args], {
    cwd: ROOT,
    env: { ...env, CI: "1", FORCE_COLOR: "0" },
    all: true,
    reject: false,
  });
  if (synth.exitCode !== 0) throw new UserError(explainFailure(String(synth.all).split("\n")));
  console.log("Preparing the volumes on the Nomad clients");
  const { lines, exitCode } = await runPlaybook(join(GENERATED, "playbook.yml"));
  console.log(recap(lines).join("\n"));
  if (exitCode !== 0) throw new UserError(explainFailure(lines));
}

/** What Ansible counted for each host, for people. */
export function recap(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, host = "", changed = "", unreachable, failed] =
      /^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)/.exec(line) ?? [];
    if (!host) return [];
    if (unreachable !== "0") return [`  ${host}: unreachable`];
    if (failed !== "0") return [`  ${host}: failed`];
    return [`  ${host}: ${changed === "0" ? "nothing to change" : `${changed} changed`}`];
  });
}
