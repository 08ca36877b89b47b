import { reason } from "../../config/reason.ts";
import { show } from "../../config/show.ts";
import type { Connection } from "../connection.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import type { Subject } from "../subject.ts";

const EXPERIMENTS = "/api/2.0/mlflow/experiments";

/** The experiment that a client's variables name for its runs. */
export function namedExperiment(
  env: NodeJS.ProcessEnv = process.env,
): { readonly what: string; readonly path: string; readonly byName: boolean } | undefined {
  const { MLFLOW_EXPERIMENT_NAME: name, MLFLOW_EXPERIMENT_ID: id } = env;
  const at = encodeURIComponent;
  if (name)
    return {
      what: `experiment ${show(name)}`,
      path: `${EXPERIMENTS}/get-by-name?experiment_name=${at(name)}`,
      byName: true,
    };
  if (!id) return undefined;
  return {
    what: `experiment ${id}`,
    path: `${EXPERIMENTS}/get?experiment_id=${at(id)}`,
    byName: false,
  };
}

/** May the client log runs to the experiment that its variables name? It may be another user's. */
export async function checkExperiment({ connection, settings }: Subject): Promise<Finding> {
  const named = namedExperiment();
  if (!named) return skipped("the variables name none");
  const { what, path, byName } = named;
  const who = settings.login?.who ?? "this client";
  try {
    const { status, body } = await connection.ask(path);
    if (status === 404 && byName) return ok(`${what} is not there yet; the client makes it`);
    if (status === 404) return wrong(`${what} is not there`, "correct MLFLOW_EXPERIMENT_ID");
    if (status === 403) return wrong(`${who} may not see ${what} (403)`, GRANT);
    if (status !== 200) return skipped(`status ${status} came before it`);
    const { experiment } = JSON.parse(body.toString());
    const permission = await permissionFor(connection, String(experiment.experiment_id));
    if (!permission || ["EDIT", "MANAGE"].includes(permission))
      return ok(`${who} may log runs to ${what}`);
    return wrong(`${who} may ${permission} ${what}, and a run takes EDIT`, GRANT);
  } catch (error) {
    return wrong(reason(error), "see the server's log");
  }
}

const GRANT =
  "an admin gives more: npx homelab user grant NAME EDIT --experiment EXPERIMENT; or name another experiment";

/** What the client's user may do with it; undefined where everybody may do everything. */
async function permissionFor(connection: Connection, id: string): Promise<string | undefined> {
  const current = await connection.ask("/api/2.0/mlflow/users/current");
  // Without MLflow's own logins there is no such path.
  if (current.status !== 200) return undefined;
  const { user } = JSON.parse(current.body.toString());
  if (user.is_admin) return undefined;
  const query = new URLSearchParams({
    username: user.username,
    resource_type: "experiment",
    resource_id: id,
  });
  const answer = await connection.ask(`/api/3.0/mlflow/users/permissions/get?${query}`);
  return JSON.parse(answer.body.toString()).permission;
}
