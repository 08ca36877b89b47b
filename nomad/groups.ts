/** The groups of the job, each with its one task. The probe's job and PostgreSQL's name theirs alike. */
export const SERVER_GROUP = { name: "svc", task: "mlflow_app" };

/** The server for artifacts alone, where there is one. */
export const ARTIFACTS_GROUP = { name: "artifacts", task: "mlflow_artifacts" };
