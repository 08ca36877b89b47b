import type { SweepStatus } from "../../sweep/gather.ts";
import { type RunsOfSweep, runsOf } from "../../sweep/runs.ts";
import { SERVICE, trackerUrl } from "../../sweep/tracker.ts";
import type { Context } from "./context.ts";

/** The runs of a sweep, by the tasks' indexes, and where their MLflow is while there is one. */
export interface TrackedRuns extends RunsOfSweep {
  readonly url?: string;
}

/** Asks the MLflow that a sweep's tasks log to for their runs. */
export async function trackedRuns(
  { nomad, config }: Context,
  sweep: Pick<SweepStatus, "name" | "tracker">,
): Promise<TrackedRuns> {
  const url = await trackerUrl(nomad, config, sweep);
  if (!url) return { runs: new Map() };
  // The login of the environment is for the deployment alone.
  const { MLFLOW_TRACKING_USERNAME: _, MLFLOW_TRACKING_PASSWORD: __, ...others } = process.env;
  const env = sweep.tracker === SERVICE ? process.env : others;
  return { url, ...(await runsOf(url, sweep.name, env)) };
}
