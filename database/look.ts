/**
 * What runs inside a deploy before a database's job is touched: its start, on its Nomad client and with
 * the image that is to run, only to look at the volume. One of another major version ends there.
 */
import { exitOnUserError } from "../config/errors.ts";
import { NomadApi } from "../nomad/api.ts";
import { OWNER_META } from "../nomad/owner.ts";
import type { NomadJob } from "../nomad/types.ts";
import { runOnce } from "../probe/run-once.ts";
import { render } from "../templates/render.ts";
import { DATABASES } from "./kinds.ts";
import { type DatabaseLook, startFiles } from "./spec.ts";

await exitOnUserError(async () => {
  const look = JSON.parse(process.env.HOMELAB_LOOK ?? "") as DatabaseLook;
  const { title } = DATABASES[look.kind];
  const nomad = new NomadApi(look.nomad);
  const name = `${look.job}-probe`;
  const jobspec = render("database-probe.nomad.hcl", {
    ...look,
    ...look.nomad,
    name,
    nodePool: look.nodePool,
    // A volume is not taken for another one that happens to be empty.
    dataExpected: await hasRun(nomad, look.job),
    files: startFiles(look.kind),
  });
  await runOnce(nomad, { name, jobspec, deadline: look.deadline, what: `${title}'s volume` });
  console.log(`${title} can start on its volume`);
});

/** Whether a deploy from here has brought it up, and so there are data. */
async function hasRun(nomad: NomadApi, job: string): Promise<boolean> {
  const found = await nomad.getPatiently<{ readonly Versions: readonly NomadJob[] | null }>(
    `/job/${job}/versions`,
  );
  return (found?.Versions ?? []).some(({ Stable, Meta }) => Stable && Meta?.[OWNER_META]);
}
