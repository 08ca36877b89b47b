/**
 * The first step of a destroy: stops the job and waits until it has ended, while Nomad still knows of
 * it; once it is purged, nobody sees what still runs of it.
 */
import { exitOnUserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import { untilEnded } from "../nomad/ended.ts";

await exitOnUserError(async () => {
  const job = process.env.HOMELAB_JOB ?? "";
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  // Nothing takes its place, so no proxy has to be told before.
  await nomad.delete(`/job/${encodeURIComponent(job)}`, { no_shutdown_delay: "true" });
  await untilEnded(nomad, job, { patience: Number(process.env.HOMELAB_PATIENCE), all: true });
});
