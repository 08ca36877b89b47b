/** The group of the server with its task, in its own job and in the probe's. */
export const SERVER_GROUP = { name: "svc", task: "mlflow_app" };

/** The server for artifacts alone, where there is one. */
export const ARTIFACTS_GROUP = { name: "artifacts", task: "mlflow_artifacts" };
