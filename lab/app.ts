/**
 * The cdktf app of the embedded homelab: the ordinary one, then made to fit the providers that
 * lab-up found. The product itself knows nothing of this.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { exitOnUserError } from "../config/errors.ts";
import { nomadJobsOf, replaceNomadJobs } from "./nomad-job-by-cli.ts";
import { registrationTokens } from "./registrations.ts";
import { labSettings } from "./settings.ts";
import { type StackJson, withProviderVersion } from "./stack-json.ts";
import { readLabState } from "./state.ts";
import { writeWhole } from "./write-file.ts";

await import("../main.ts");

await exitOnUserError(async () => {
  if (process.exitCode) return; // the config was refused, and nothing synthesised
  const settings = labSettings();
  const state = readLabState(settings);
  if (!state) return; // a synth before the first lab-up
  const file = join(resolve(process.env.CDKTF_OUTDIR || "cdktf.out"), "stacks/mlflow/cdk.tf.json");
  let stack: StackJson = JSON.parse(readFileSync(file, "utf8"));
  if (state.dockerProviderVersion)
    stack = withProviderVersion(stack, "docker", state.dockerProviderVersion);
  if (state.nomadProvider === "cli") {
    const address = `http://127.0.0.1:${settings.ports.nomadHttp}`;
    const { registrationDir } = settings.nomad;
    stack = replaceNomadJobs(stack, {
      nomadBinary: state.nomadBinary,
      address,
      drift: await registrationTokens(nomadJobsOf(stack), registrationDir, address),
      registrationDir,
    });
  }
  writeWhole(file, `${JSON.stringify(stack, undefined, 2)}\n`);
});
