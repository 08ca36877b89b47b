/** What a sweep's job and its variable are known by in Nomad; apart from job.ts, which takes long to load. */

/** Group and task of the job, as they stand in the template. */
export const GROUP = "sweep";
export const TASK = "task";

/**
 * Key in a job's meta that says that it is a sweep, and when it was registered, in RFC 3339: Nomad's own
 * time is another one after a stop.
 */
export const SWEEP_META = "homelab_mlflow_sweep";
/** Key in a job's meta of the command, as it is shown. */
export const COMMAND_META = "homelab_mlflow_sweep_command";
/** Key in a job's meta: "true" where what the tasks leave is kept on the volume for files. */
export const KEPT_META = "homelab_mlflow_sweep_kept";
/** Key in a job's meta of the file stores that its tasks and sidecars use, with commas; missing where they use none. */
export const FILESTORES_META = "homelab_mlflow_sweep_filestores";
/** Key in a job's meta of the MLflow that the tasks log to, see tracker.ts. */
export const TRACKER_META = "homelab_mlflow_sweep_tracker";
/** Key in a job's meta of the file stores of that MLflow, with commas, where it is a sidecar. */
export const TRACKER_STORES_META = "homelab_mlflow_sweep_tracker_stores";
/** Key in a job's meta: "true" where the first failure ends the sweep. */
export const FAIL_FAST_META = "homelab_mlflow_sweep_fail_fast";

/** Key in a job's meta of what its versions after the first have run again, where it has any; see rounds.ts. */
export const ROUNDS_META = "homelab_mlflow_sweep_rounds";
/** Key in a job's meta of the tasks that had failed when the latest of those was begun, and are not in it. */
export const NOT_DONE_META = "homelab_mlflow_sweep_not_done";

/** Items of the sweep's Nomad variable, which become lines that a task reads when it starts. */
export const SECRETS_ITEM = "secrets";
export const ONLY_ITEM = "only";

/**
 * Path of the sweep's Nomad variable, which its tasks alone may read:
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity#default-workload-acl-policy
 */
export function variableOf(sweep: string): string {
  return `nomad/jobs/${sweep}/${GROUP}/${TASK}`;
}
