/** The runs that a sweep's tasks have logged to an MLflow. */
import { Connection } from "../client/connection.ts";
import { diagnose } from "../client/settings.ts";
import { reason } from "../config/reason.ts";

/** MLflow's most for a page of either. */
const MOST = 1000;

export interface MlflowRun {
  readonly id: string;
  /** Id of its experiment. */
  readonly experiment: string;
  /** Its page in MLflow's UI. */
  readonly url: string;
}

interface Run {
  readonly info: {
    readonly run_id: string;
    readonly experiment_id: string;
    readonly start_time: number;
  };
  readonly data: { readonly tags?: readonly { readonly key: string; readonly value: string }[] };
}

export interface RunsOfSweep {
  /** The newest of each task, by the task's index. */
  readonly runs: ReadonlyMap<number, MlflowRun>;
  /** Why there are none, or not all of them: MLflow could not be asked. */
  readonly problem?: string;
}

/**
 * Asks an MLflow for the runs of a sweep.
 *
 * @param url of the MLflow
 * @param env with the login, where there is one
 */
export async function runsOf(
  url: string,
  sweep: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunsOfSweep> {
  const { settings } = diagnose(url, { ...env, MLFLOW_TRACKING_URI: url });
  const runs = new Map<number, MlflowRun>();
  const connection = new Connection(new URL(url), settings);
  const ask = async (path: string, body: object) => {
    const { status, body: said } = await connection.ask(`/api/2.0/mlflow/${path}`, { body });
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    return JSON.parse(said.toString());
  };
  try {
    const { experiments = [] } = await ask("experiments/search", { max_results: MOST });
    const query = {
      experiment_ids: experiments.map((each: { experiment_id: string }) => each.experiment_id),
      filter: `tags.sweep = '${sweep}'`,
      order_by: ["attributes.start_time ASC"],
      max_results: MOST,
    };
    for (let token = ""; ; ) {
      const page = await ask("runs/search", { ...query, ...(token ? { page_token: token } : {}) });
      for (const { info, data } of (page.runs ?? []) as Run[]) {
        const index = data.tags?.find(({ key }) => key === "sweep.index")?.value;
        const at = `${url}/#/experiments/${info.experiment_id}/runs/${info.run_id}`;
        const run = { id: info.run_id, experiment: info.experiment_id, url: at };
        if (index) runs.set(Number(index), run);
      }
      token = page.next_page_token ?? "";
      if (!token) return { runs };
    }
  } catch (error) {
    return { runs, problem: reason(error) };
  } finally {
    await connection.close();
  }
}
