/**
 * What runs inside a deploy before the job is touched: a Nomad client looks at the stores, with the
 * image that will serve and the secrets it will have. From there they may look other than from here.
 */
import { exitOnUserError } from "../config/errors.ts";
import { NomadApi } from "../nomad/api.ts";
import { SERVER_GROUP } from "../nomad/groups.ts";
import { readKinds, STORAGE_META, type StorageKinds } from "../nomad/storage-meta.ts";
import type { NomadJob } from "../nomad/types.ts";
import { variablePath } from "../secrets/spec.ts";
import { secretsTemplate } from "../secrets/template.ts";
import { removeSecrets, writeSecrets } from "../secrets/variable.ts";
import { render } from "../templates/render.ts";
import { runOnce } from "./run-once.ts";
import type { ProbeSpec } from "./spec.ts";

const GENERATION = "probe";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_PROBE ?? "") as ProbeSpec;
  const nomad = new NomadApi(spec.secrets.nomad);
  // A task reads the variable of its own job alone, so the probe has one of its own for a moment.
  const name = `${spec.secrets.job}-store-probe`;
  const secrets = { ...spec.secrets, job: name };
  try {
    await writeSecrets(secrets, GENERATION);
    const jobspec = await jobspecOf(nomad, spec, name);
    await runOnce(nomad, { name, jobspec, deadline: spec.deadline, what: "the stores" });
  } finally {
    await removeSecrets(secrets);
  }
  console.log("the stores answer a Nomad client, and are as they should be");
});

async function jobspecOf(nomad: NomadApi, spec: ProbeSpec, name: string): Promise<string> {
  const running = await nomad.get<NomadJob>(`/job/${spec.secrets.job}`);
  const storage = running?.Meta?.[STORAGE_META];
  return render("probe.nomad.hcl", {
    ...spec.job,
    name,
    group: SERVER_GROUP,
    image: process.env.HOMELAB_IMAGE,
    env: { ...spec.job.env, ...(storage ? expectations(readKinds(storage), spec) : {}) },
    data: secretsTemplate({ path: variablePath({ job: name }), generation: GENERATION }),
  });
}

/** A database is not taken for another one that happens to be empty. */
function expectations(found: StorageKinds, spec: ProbeSpec): Record<string, string> {
  return {
    ...(found.backendStore === spec.backendStore ? { HOMELAB_BACKEND_STORE_EXPECTED: "yes" } : {}),
    ...(found.registryStore === spec.registryStore
      ? { HOMELAB_REGISTRY_STORE_EXPECTED: "yes" }
      : {}),
  };
}
