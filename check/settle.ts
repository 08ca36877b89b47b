/** Before Nomad's clients may be restarted: waits until servers that were stopped have ended. */
import { exitOnUserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";
import { untilEnded } from "../nomad/ended.ts";

await exitOnUserError(async () => {
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  const patience = Number(process.env.HOMELAB_PATIENCE);
  await untilEnded(nomad, process.env.HOMELAB_JOB ?? "", { patience });
});
