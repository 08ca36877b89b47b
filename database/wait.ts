/** What runs inside a deploy after a database's job is registered: waits until it is healthy. */
import { waitForDeployment } from "../check/deployment.ts";
import { exitOnUserError } from "../config/errors.ts";
import { NomadApi, type NomadTarget } from "../nomad/api.ts";

await exitOnUserError(async () => {
  const nomad = new NomadApi(JSON.parse(process.env.HOMELAB_NOMAD ?? "") as NomadTarget);
  const { HOMELAB_JOB: job = "", HOMELAB_TITLE: title, HOMELAB_DEADLINE: deadline } = process.env;
  const [running] = await waitForDeployment(nomad, job, Number(deadline));
  console.log(`${title} runs on ${running?.NodeName}`);
});
