/** The last step of a deploy: waits for the job's deployment, then asks the service from outside. */
import { exitOnUserError, UserError } from "../config/errors.ts";
import { addressOf } from "../nomad/address.ts";
import { NomadApi } from "../nomad/api.ts";
import type { NomadAllocationDetail } from "../nomad/types.ts";
import { isNameOf } from "./client.ts";
import { waitForDeployment } from "./deployment.ts";
import { checkRecord } from "./record.ts";
import { checkService } from "./service.ts";
import type { CheckSpec } from "./spec.ts";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_CHECK ?? "") as CheckSpec;
  const nomad = new NomadApi(spec.nomad);
  const allocation = await waitForDeployment(nomad, spec.job, spec.deadline);
  // A client in the homelab asks that server, whatever this machine asks.
  const address = spec.dns && (await checkRecord(spec.dns));
  const base = spec.through === "url" ? spec.url : expectAddress(allocation);
  const problems = [
    ...checkImage(allocation, process.env.HOMELAB_IMAGE ?? ""),
    ...(await checkService(spec, base, isNameOf(spec.url, spec.dns) ? address : undefined)),
  ];
  if (problems.length > 0) throw new UserError(problems);
  console.log(`MLflow ${spec.mlflowVersion} answers at ${base}`);
});

function checkImage(allocation: NomadAllocationDetail, wanted: string): string[] {
  const running = allocation.Job.TaskGroups[0]?.Tasks[0]?.Config.image;
  if (running === wanted) return [];
  return [
    `job ${allocation.Job.ID}: expected image ${wanted}, found ${running}; Nomad went back to an older version, or someone changed the job: deploy again`,
  ];
}

function expectAddress(allocation: NomadAllocationDetail): string {
  const address = addressOf(allocation);
  if (address) return address;
  throw new UserError([`allocation ${allocation.ID}: it has no port "mlflow_http"; deploy again`]);
}
