/**
 * The first step of a first deploy: a job of this name that Terraform's state does not know belongs
 * to somebody else, and is not overwritten.
 */
import { exitOnUserError, UserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";

await exitOnUserError(async () => {
  const name = process.env.HOMELAB_JOB ?? "";
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  const found = await nomad.get<NomadJob>(`/job/${encodeURIComponent(name)}`);
  if (found && found.Status !== "dead")
    throw new UserError([
      `Nomad at ${nomad.address}: a job "${name}" is there that was not deployed from here; set job.adopt to true to take it over, or job.name to another name`,
    ]);
});
