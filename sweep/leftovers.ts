/** What sweeps leave in Nomad. */
import { UserError } from "../config/errors.ts";
import type { NomadApi } from "../nomad/api.ts";
import type { NomadJob } from "../nomad/types.ts";
import { forgetSecrets } from "./control.ts";
import { gatherSweep, isOver, UnreadableSweep } from "./gather.ts";
import { GROUP, ONLY_ITEM, SECRETS_ITEM, SWEEP_META, TASK } from "./in-nomad.ts";

/** Of the variable of a sweep that is gone, after it was written. */
const HOUR_NS = 3_600e9;
/** Of a sweep that has ended: after as long, about, Nomad forgets one by itself. */
const DAY_MS = 24 * 3_600_000;

/** Removes what Nomad does not by itself, where it lets us. */
export async function removeLeftovers(nomad: NomadApi): Promise<void> {
  try {
    await removeVariables(nomad);
    await removeJobs(nomad);
  } catch (error) {
    // The sweep that was registered before this is none the worse for it.
    if (!(error instanceof UserError)) throw error;
  }
}

/** Variables of sweeps that Nomad has forgotten. */
async function removeVariables(nomad: NomadApi): Promise<void> {
  const all =
    (await nomad.get<{ Path: string; ModifyTime: number }[]>("/vars", { prefix: "nomad/jobs/" })) ??
    [];
  for (const { Path, ModifyTime } of all) {
    const name = new RegExp(`^nomad/jobs/([^/]+)/${GROUP}/${TASK}$`).exec(Path)?.[1];
    if (!name || Date.now() * 1e6 - ModifyTime < HOUR_NS) continue;
    if ((await nomad.get(`/job/${name}`)) || !(await isOfSweep(nomad, Path))) continue;
    await nomad.delete(`/var/${Path}`);
  }
}

/** Somebody else's job may have a group and a task of those names. */
async function isOfSweep(nomad: NomadApi, path: string): Promise<boolean> {
  const variable = await nomad.get<{ Items: Readonly<Record<string, string>> }>(`/var/${path}`);
  const items = Object.keys(variable?.Items ?? {}).sort();
  return items.join() === [ONLY_ITEM, SECRETS_ITEM].sort().join();
}

/**
 * Sweeps that are done or were stopped, and in which a task has failed before: Nomad would start that
 * one again after ten years, and remembers the job until then.
 */
async function removeJobs(nomad: NomadApi): Promise<void> {
  type Stub = Pick<NomadJob, "ID" | "Meta" | "Status" | "Stop">;
  const all = (await nomad.get<Stub[]>("/jobs", { meta: "true" })) ?? [];
  for (const { ID, Meta, Status, Stop } of all) {
    if (!Meta?.[SWEEP_META] || Status !== "pending") continue;
    const sweep = await gatherSweep(nomad, ID).catch((error) => {
      if (!(error instanceof UnreadableSweep)) throw error;
      return undefined;
    });
    if (!sweep || !isOver(sweep, { Stop })) continue;
    const { submittedAt, tasks } = sweep;
    const times = [submittedAt, ...tasks.map(({ finishedAt = "" }) => finishedAt)];
    const ended = Math.max(...times.filter((time) => time !== "").map(Date.parse));
    if (Date.now() - ended < DAY_MS) continue;
    await nomad.delete(`/job/${encodeURIComponent(ID)}`, { purge: "true" });
    await forgetSecrets(nomad, sweep);
  }
}
