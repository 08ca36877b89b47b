import { labErrors } from "./errors.ts";
import { restartNomadClient } from "./nomad-client.ts";
import type { LabSettings } from "./settings.ts";
import { readLabState } from "./state.ts";

/**
 * Restarts the lab's Nomad client, whose configuration the playbook adds to, with the binary that
 * lab-up found; returns when it is healthy. Running allocations go on running.
 *
 * @throws LabError when the lab was never up, or Nomad does not come back
 */
export async function restartLabNomad(settings: LabSettings): Promise<void> {
  const state = readLabState(settings);
  if (!state) throw labErrors.neverUp();
  await restartNomadClient(settings, state.nomadBinary, new AbortController().signal);
}
