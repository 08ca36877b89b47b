/**
 * The first step of a first deploy: a job of this name that Terraform's state does not know belongs
 * to somebody else, and is not overwritten.
 */
import { existsSync, readFileSync } from "node:fs";
import { exitOnUserError, UserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";

await exitOnUserError(async () => {
  const name = process.env.HOMELAB_JOB ?? "";
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  if (isInState(process.env.HOMELAB_STATE ?? "", name)) return;
  const found = await nomad.getPatiently<NomadJob>(`/job/${encodeURIComponent(name)}`);
  if (found && found.Status !== "dead")
    throw new UserError([
      `Nomad at ${nomad.address}: a job "${name}" is there that was not deployed from here; set job.adopt to true to take it over, or job.name to another name`,
    ]);
});

/**
 * Whether Terraform's state has the job, which it does when only its claim was lost: a deploy under
 * another name destroys the claim, and may then be refused.
 */
function isInState(file: string, name: string): boolean {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, "utf8");
  // Terraform makes the file empty when it takes its lock, before the first deploy wrote any.
  if (text.trim() === "") return false;
  const { resources } = JSON.parse(text) as TerraformState;
  const jobs = resources.filter((each) => each.name.startsWith("mlflow-job_"));
  // The embedded homelab's stand-in for nomad_job carries the job's id in its input.
  return jobs
    .flatMap((job) => job.instances)
    .some(({ attributes: { id, input } }) => id === name || input?.value?.id === name);
}

/** The fields we read of a state file, version 4. */
interface TerraformState {
  readonly resources: readonly {
    readonly name: string;
    readonly instances: readonly {
      readonly attributes: {
        readonly id?: string;
        readonly input?: { readonly value?: { id?: string } };
      };
    }[];
  }[];
}
