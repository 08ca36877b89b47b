/**
 * What runs inside a deploy before the job is touched: a Nomad client looks at the stores, with the
 * image that will serve and the secrets it will have. From there they may look other than from here.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { lastLogLines, placementFailures } from "../check/deployment.ts";
import { exitOnUserError, UserError } from "../config/errors.ts";
import { NomadApi } from "../nomad/api.ts";
import { readKinds, STORAGE_META } from "../nomad/storage-meta.ts";
import type { NomadAllocation, NomadJob } from "../nomad/types.ts";
import { variablePath } from "../secrets/spec.ts";
import { secretsTemplate } from "../secrets/template.ts";
import { removeSecrets, writeSecrets } from "../secrets/variable.ts";
import { render } from "../templates/render.ts";
import type { ProbeSpec } from "./spec.ts";

const POLL_MS = 500;
const GENERATION = "probe";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_PROBE ?? "") as ProbeSpec;
  const nomad = new NomadApi(spec.secrets.nomad);
  // A task reads the variable of its own job alone, so the probe has one of its own for a moment.
  const name = `${spec.secrets.job}-store-probe`;
  const secrets = { ...spec.secrets, job: name };
  try {
    await writeSecrets(secrets, GENERATION);
    await nomad.put("/jobs", { Job: await parsed(nomad, spec, name) });
    await waitForEnd(nomad, name, spec.deadline);
  } finally {
    await nomad.delete(`/job/${name}`, { purge: "true" });
    await removeSecrets(secrets);
  }
  console.log("the stores answer a Nomad client, and are as they should be");
});

async function parsed(nomad: NomadApi, spec: ProbeSpec, name: string): Promise<object> {
  const path = variablePath({ job: name });
  const running = await nomad.get<NomadJob>(`/job/${spec.secrets.job}`);
  const storage = running?.Meta?.[STORAGE_META];
  const wanted = spec.job.env.HOMELAB_BACKEND_STORE ?? "sqlite";
  const inPlace = readKinds(storage).backendStore === wanted;
  const JobHCL = render("probe.nomad.hcl", {
    ...spec.job,
    name,
    image: process.env.HOMELAB_IMAGE,
    // A database is not taken for another one that happens to be empty.
    env: { ...spec.job.env, ...(storage && inPlace ? { HOMELAB_DATA_EXPECTED: "yes" } : {}) },
    data: secretsTemplate({ path, generation: GENERATION }),
  });
  return nomad.post<object>("/jobs/parse", { JobHCL, Canonicalize: true });
}

/** @throws UserError with what the probe found, or why it did not run */
async function waitForEnd(nomad: NomadApi, job: string, deadline: number): Promise<void> {
  const end = Date.now() + deadline * 1000;
  while (Date.now() < end) {
    const [allocation] =
      (await nomad.getPatiently<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
    if (allocation?.ClientStatus === "complete") return;
    if (allocation?.ClientStatus === "failed") throw await failure(nomad, allocation);
    await sleep(POLL_MS);
  }
  const reasons = await placementFailures(nomad, job);
  throw new UserError([
    `the look at the stores did not end in ${deadline} s${reasons.length > 0 ? `: ${reasons.join("; ")}` : ""}; see the clients of Nomad, and deploy again`,
  ]);
}

async function failure(nomad: NomadApi, allocation: NomadAllocation): Promise<UserError> {
  const where = `seen from ${allocation.NodeName}`;
  const log = await lastLogLines(nomad, allocation.ID, "mlflow_app");
  const found = log.flatMap((line) => /^error: (.*)$/.exec(line)?.[1] ?? []);
  if (found.length > 0) return new UserError(found.map((line) => `${line} (${where})`));
  const events = Object.values(allocation.TaskStates ?? {}).flatMap((state) => state.Events ?? []);
  const last = events.map((event) => event.DisplayMessage.replaceAll("\n", " ")).slice(-2);
  return new UserError([
    `the look at the stores failed, ${where}: ${[...last, ...log.slice(-3)].join("; ")}`,
  ]);
}
