/** The last step of a deploy: waits for the job's deployment, then asks the service from outside. */
import { exitOnUserError, UserError } from "../config/errors.ts";
import { addressOf } from "../nomad/address.ts";
import { NomadApi } from "../nomad/api.ts";
import { ARTIFACTS_GROUP } from "../nomad/groups.ts";
import type { NomadAllocationDetail } from "../nomad/types.ts";
import { checkArtifactsServer } from "./artifacts-server.ts";
import { isNameOf } from "./client.ts";
import { waitForDeployment } from "./deployment.ts";
import { checkRecord } from "./record.ts";
import { checkService } from "./service.ts";
import type { ArtifactsServer, CheckSpec } from "./spec.ts";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_CHECK ?? "") as CheckSpec;
  const nomad = new NomadApi(spec.nomad);
  const [server, ...others] = await waitForDeployment(nomad, spec.job, spec.deadline);
  if (!server) throw new UserError([`job ${spec.job}: nothing of it runs; deploy again`]);
  // A client in the homelab asks that server, whatever this machine asks.
  const address = spec.dns && (await checkRecord(spec.dns));
  const base = spec.through === "url" ? spec.url : `${expectAddress(server)}${prefixOf(spec)}`;
  const image = process.env.HOMELAB_IMAGE ?? "";
  const problems = [
    ...[server, ...others].flatMap((each) => checkImage(each, image)),
    ...(await checkService(spec, base, isNameOf(spec.url, spec.dns) ? address : undefined)),
  ];
  if (problems.length === 0 && spec.artifactsServer)
    problems.push(...(await checkTandem(spec, spec.artifactsServer, base, others, address)));
  if (problems.length > 0) throw new UserError(problems);
  console.log(`MLflow ${spec.mlflowVersion} answers at ${base}`);
});

/** The server for artifacts alone, at its own address where Nomad's are asked. */
async function checkTandem(
  spec: CheckSpec,
  server: ArtifactsServer,
  base: string,
  others: readonly NomadAllocationDetail[],
  address?: string,
): Promise<string[]> {
  const own = others.find(({ TaskGroup }) => TaskGroup === ARTIFACTS_GROUP.name);
  const artifacts = spec.through === "allocation" && own ? expectAddress(own) : server.url;
  const known = (url: string) => (isNameOf(url, spec.dns) ? address : undefined);
  return checkArtifactsServer(spec, server, {
    runs: { base, address: known(spec.url) },
    artifacts: { base: artifacts, address: known(server.url) },
  });
}

function prefixOf({ url }: CheckSpec): string {
  return new URL(url).pathname.replace(/\/$/, "");
}

function checkImage(allocation: NomadAllocationDetail, wanted: string): string[] {
  const group = allocation.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const running = group?.Tasks[0]?.Config.image;
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
