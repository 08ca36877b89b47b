/**
 * The first step of a first deploy: a job of this name without our state's mark belongs to somebody
 * else, and is not overwritten. The job itself is asked, not the state: after a change of
 * nomad.address, the state knows a job of that name, but of another cluster.
 */
import { exitOnUserError, UserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import { OWNER_META } from "../nomad/owner.ts";
import type { NomadJob } from "../nomad/types.ts";

await exitOnUserError(async () => {
  const name = process.env.HOMELAB_JOB ?? "";
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  const found = await nomad.getPatiently<NomadJob>(`/job/${encodeURIComponent(name)}`);
  if (found && found.Status !== "dead" && found.Meta?.[OWNER_META] !== process.env.HOMELAB_OWNER)
    throw new UserError([
      `Nomad at ${nomad.address}: a job "${name}" is there that was not deployed from here; set job.adopt to true to take it over, or job.name to another name`,
    ]);
});
