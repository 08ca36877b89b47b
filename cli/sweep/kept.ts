/** What a sweep leaves on the volume for files, told to the user. */
import { UserError } from "../../config/errors.ts";
import type { FileServer } from "../../files/file-server.ts";
import { files } from "../../files/size.ts";
import { Interrupted } from "../../lab/errors.ts";
import { expectNamespace } from "../../nomad/namespace.ts";
import { type Back, bringBack } from "../../sweep/bring-back.ts";
import { gatherSweep, NoSweep, type SweepStatus } from "../../sweep/gather.ts";
import { type KeptSweep, keepStatus, LEFT_NOTHING, readKept, recordOf } from "../../sweep/kept.ts";
import { hasFailed, table } from "../../sweep/render.ts";
import { howToOpen } from "../../sweep/sidecars/kept-runs.ts";
import { isOfSweep } from "../../sweep/tracker.ts";
import { withFiles } from "../files/context.ts";
import { type Context, contextOf } from "./context.ts";
import { trackedRuns } from "./tracked-runs.ts";

/**
 * Writes down how a sweep ended, and brings what its tasks made.
 *
 * @param say tells the user
 * @throws UserError where what they made can't be brought
 */
export async function afterSweep(
  context: Context,
  sweep: SweepStatus,
  back: Back,
  say: (line: string) => void,
): Promise<void> {
  if (!sweep.kept) return;
  const wanted = back.download !== undefined || back.sync !== undefined;
  try {
    // At once: a tracker of its own is about to end.
    const runs = await runsOf(context, sweep);
    const brought = await withFiles(context, async (server) => {
      tellNoRuns(await keepStatus(server, sweep, runs), console.error);
      return bringBack(server, sweep.name, back);
    });
    if (!brought) return;
    say(`${sweep.name}: ${files(brought.files)} to ${brought.into}`);
    for (const notice of brought.notices) say(notice);
  } catch (error) {
    if (wanted || !(error instanceof UserError)) throw error;
    tellNoManifest(sweep.name, error);
  }
}

/** Writes down how a sweep ended whose files somebody is about to get; says so where it has not. */
export async function keepBefore(
  configured: Context,
  server: FileServer,
  name: string,
): Promise<void> {
  try {
    const { namespace } = await recordOf(server, name);
    const context = namespace ? await contextOf(namespace) : configured;
    const sweep = await gatherSweep(context.nomad, name).catch((error) => {
      if (!(error instanceof NoSweep)) throw error;
      return undefined;
    });
    if (sweep?.state === "running")
      return console.error(`${name}: it still runs; this is what there is so far`);
    const kept = sweep
      ? sweep.kept && (await keepStatus(server, sweep, await runsOf(context, sweep)))
      : await readKept(server, name, (tracker) => runsOf(context, { name, tracker }));
    if (kept) tellNoRuns(kept, console.error);
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof Interrupted) throw error;
    tellNoManifest(name, error);
  }
}

/** The tasks have written what matters. */
function tellNoManifest(name: string, { problems }: UserError): void {
  for (const problem of problems) console.error(`no ${name}/manifest.json: ${problem}`);
}

/**
 * Shows a sweep that Nomad does not know.
 *
 * @param error of Nomad, that says so
 * @throws it, where the volume for files does not know it either
 */
export async function showKept(
  context: Context,
  name: string,
  json: boolean,
  error: unknown,
): Promise<void> {
  if (error instanceof NoSweep) await expectNamespace(context.nomad, context.target.namespace);
  if (!(error instanceof NoSweep) || !context.config.volumes.files) throw error;
  const runs = (tracker: string) => runsOf(context, { name, tracker });
  const sweep = await withFiles(context, (server) => readKept(server, name, runs));
  if (!sweep) throw error;
  if (hasFailed(sweep)) process.exitCode = 1;
  if (json) return console.log(JSON.stringify(sweep, undefined, 2));
  console.log(table(sweep, runsIn(sweep)).join("\n"));
  if (sweep.counts.missing > 0) console.log(`a task that is missing: ${LEFT_NOTHING}`);
  tellNoRuns(sweep, console.log);
  console.log(`Nomad has forgotten it; npx homelab files download ${name} gets what it left`);
}

/** What a sweep that Nomad does not know logged to; undefined where nobody knows. @throws UserError */
export async function keptTracker(
  context: Context,
  name: string,
): Promise<Pick<SweepStatus, "tracker" | "trackerStores"> | undefined> {
  return withFiles(context, async (server) => {
    const all = await server.stores();
    const isKept = all.some((each) => each.kind === "sweep" && each.name === name);
    return isKept ? recordOf(server, name) : undefined;
  });
}

/** A tracker of its own can be asked only while the sweep runs, and no other has the runs. */
function tellNoRuns(
  { name, tracker, trackerStores, tasks }: KeptSweep,
  say: (line: string) => void,
): void {
  if (!isOfSweep(tracker) || tasks.some(({ run }) => run)) return;
  say(
    `${name}: its runs are not listed, as its MLflow was a sidecar and has ended; ${howToOpen(name, trackerStores)}`,
  );
}

async function runsOf(context: Context, sweep: Pick<SweepStatus, "name" | "tracker">) {
  return (await trackedRuns(context, sweep)).runs;
}

function runsIn({ tasks }: KeptSweep) {
  return new Map(tasks.flatMap(({ index, run }) => (run ? [[index, run] as const] : [])));
}
