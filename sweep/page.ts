import type { MlflowRun } from "./runs.ts";

/**
 * The page of MLflow's UI with a sweep's runs and no others.
 *
 * @param url of the MLflow
 */
export function sweepPage(url: string, sweep: string, runs: Iterable<MlflowRun>): string {
  const experiments = [...new Set([...runs].map(({ experiment }) => experiment))].sort();
  const [only, ...more] = experiments;
  const filter = `searchFilter=${encodeURIComponent(`tags.sweep = '${sweep}'`)}`;
  // A script may log to several experiments, which have a page of their own together.
  if (more.length > 0)
    return `${url}/#/compare-experiments/s?experiments=${encodeURIComponent(JSON.stringify(experiments))}&${filter}`;
  return `${url}/#/experiments/${only}/runs?${filter}`;
}
