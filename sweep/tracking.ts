import { storeVariables } from "../client/store-variables.ts";
import { clientUrl } from "../config/client-url.ts";
import { asksForLogin } from "../config/login.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { SecretSources } from "../secrets/spec.ts";

/** The address of the tracker in scripts that were written for the tool of the COILED headers. */
const COILED_SCHEDULER = /^https?:\/\/coiled-scheduler(:\d+)?\/?$/;

const LOGIN = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"];

/** What a task needs to log to the deployed MLflow. */
export interface Tracking {
  readonly variables: Readonly<Record<string, string>>;
  /** Its login, where the deployment asks for one and it is in the environment here. */
  readonly secrets: SecretSources;
  /** Of the user's own variables, what stays. */
  readonly env: Readonly<Record<string, string>>;
  readonly notices: readonly string[];
}

/**
 * The environment of tasks that log to the deployment.
 *
 * @param env what the user says of the tasks' environment
 * @param own the caller's environment
 */
export function trackingOf(
  config: HomelabConfig,
  env: Readonly<Record<string, string>>,
  secrets: SecretSources,
  own: NodeJS.ProcessEnv = process.env,
): Tracking {
  const { MLFLOW_TRACKING_URI: uri = "", ...others } = env;
  const isScheduler = COILED_SCHEDULER.test(uri);
  const url = clientUrl(config);
  const stores = storeVariables(config.storage, { ...own, ...env });
  const missing = LOGIN.filter(
    (name) => !Object.hasOwn(env, name) && !Object.hasOwn(secrets, name),
  );
  const wanted = asksForLogin(config) && missing.length > 0;
  const known = missing.every((name) => own[name]);
  return {
    variables: { MLFLOW_TRACKING_URI: url, MLFLOW_DISABLE_TELEMETRY: "true", ...stores.variables },
    secrets:
      wanted && known
        ? Object.fromEntries(missing.map((name) => [name, { key: name, source: { env: name } }]))
        : {},
    env: isScheduler ? others : env,
    notices: [
      ...(isScheduler ? [`MLFLOW_TRACKING_URI=${uri} is taken for this deployment's, ${url}`] : []),
      ...(wanted && !known
        ? [
            `the deployment asks for a login: set ${missing.join(" and ")} here, for the tasks as well`,
          ]
        : []),
      ...stores.notices,
    ],
  };
}
