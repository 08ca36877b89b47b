import type { SweepStatus } from "../../sweep/gather.ts";
import { type MlflowRun, runsOf } from "../../sweep/runs.ts";
import { SERVICE, trackerUrl } from "../../sweep/tracker.ts";
import type { Context } from "./context.ts";

/** The runs of a sweep in the MLflow that its tasks log to, and where that is while there is one. */
export async function trackedRuns(
  { nomad, config }: Context,
  sweep: Pick<SweepStatus, "name" | "tracker">,
): Promise<{ url?: string; runs: ReadonlyMap<number, MlflowRun> }> {
  const url = await trackerUrl(nomad, config, sweep);
  if (!url) return { runs: new Map() };
  // The login of the environment is for the deployment alone.
  const { MLFLOW_TRACKING_USERNAME: _, MLFLOW_TRACKING_PASSWORD: __, ...others } = process.env;
  const env = sweep.tracker === SERVICE ? process.env : others;
  return { url, runs: await runsOf(url, sweep.name, env) };
}
