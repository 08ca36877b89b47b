/** What a sweep leaves on the volume for files, told to the user. */
import { UserError } from "../../config/errors.ts";
import { files } from "../../files/size.ts";
import { type Back, bringBack } from "../../sweep/bring-back.ts";
import type { SweepStatus } from "../../sweep/gather.ts";
import { type KeptSweep, keepStatus, LEFT_NOTHING, readKept } from "../../sweep/kept.ts";
import { hasFailed, table } from "../../sweep/render.ts";
import { SERVICE } from "../../sweep/tracker.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { withFiles } from "../files/context.ts";
import { type Context, FilesFailure } from "./context.ts";
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
  const todo = `npx homelab files download ${sweep.name} gets it`;
  try {
    const { runs } = await trackedRuns(context, sweep);
    const brought = await withFiles(context, async (server) => {
      await keepStatus(server, sweep, runs);
      return bringBack(server, sweep.name, back);
    });
    if (!brought) return;
    say(`${sweep.name}: ${files(brought.files)} to ${brought.into}`);
    for (const notice of brought.notices) say(notice);
    if (brought.problems.length > 0) throw new FilesFailure([...brought.problems, todo]);
  } catch (error) {
    if (wanted || !(error instanceof UserError)) throw error;
    // The tasks have written what matters.
    for (const problem of error.problems)
      console.error(`no ${sweep.name}/manifest.json: ${problem}`);
  }
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
  const isUnknown = error instanceof UserError && error.exitCode === BAD_INPUT;
  if (!isUnknown || !context.config.volumes.files) throw error;
  // A tracker of its own has ended with it.
  const runs = async () => (await trackedRuns(context, { name, tracker: SERVICE })).runs;
  const sweep = await withFiles(context, (server) => readKept(server, name, runs));
  if (!sweep) throw error;
  if (hasFailed(sweep)) process.exitCode = 1;
  if (json) return console.log(JSON.stringify(sweep, undefined, 2));
  console.log(table(sweep, runsIn(sweep)).join("\n"));
  if (sweep.counts.missing > 0) console.log(`a task that is missing: ${LEFT_NOTHING}`);
  console.log(`Nomad has forgotten it; npx homelab files download ${name} gets what it left`);
}

function runsIn({ tasks }: KeptSweep) {
  return new Map(tasks.flatMap(({ index, run }) => (run ? [[index, run] as const] : [])));
}
