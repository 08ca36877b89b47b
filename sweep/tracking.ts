import { storeVariables } from "../client/store-variables.ts";
import { clientUrl } from "../config/client-url.ts";
import { asksForLogin } from "../config/login.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { SecretSources } from "../secrets/spec.ts";
import type { SweepInput } from "./input.ts";
import { sidecarPort, TRACKER_HOST } from "./sidecars/addresses.ts";
import { portsOf } from "./sidecars/group.ts";
import { trackerPort } from "./sidecars/own-tracker.ts";
import { trackerOf } from "./tracker.ts";

/** The address of the tracker in scripts that were written for the tool of the COILED headers. */
const COILED_SCHEDULER = /^https?:\/\/coiled-scheduler(:\d+)?\/?$/;

const LOGIN = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"];

/** What a task needs to log to its MLflow. */
export interface Tracking {
  readonly variables: Readonly<Record<string, string>>;
  /** The deployment's login, where it asks for one and it is in the environment here. */
  readonly secrets: SecretSources;
  /** Of the user's own variables, what stays. */
  readonly env: Readonly<Record<string, string>>;
  /** As trackerOf has it. */
  readonly tracker: string;
  readonly notices: readonly string[];
}

/**
 * The environment of tasks that log to the deployment, or to another MLflow that was asked for.
 *
 * @param input with what the user says of the tasks' environment
 * @param own the caller's environment
 */
export function trackingOf(
  config: HomelabConfig,
  input: Pick<SweepInput, "env" | "secrets" | "sidecars" | "tracker">,
  own: NodeJS.ProcessEnv = process.env,
): Tracking {
  const { env, sidecars } = input;
  const { MLFLOW_TRACKING_URI: uri = "", ...others } = env;
  const ports = portsOf(sidecars);
  const isSidecar = ports.includes(sidecarPort(uri) ?? 0);
  const isScheduler = COILED_SCHEDULER.test(uri) && !isSidecar;
  const url = urlOf(config, input);
  const what = input.tracker === "service" ? "this deployment's, " : "";
  const service = input.tracker === "service" ? serviceOf(config, input, own) : undefined;
  return {
    variables: {
      MLFLOW_TRACKING_URI: url,
      MLFLOW_DISABLE_TELEMETRY: "true",
      ...service?.variables,
    },
    secrets: service?.secrets ?? {},
    env: isScheduler ? others : env,
    tracker: trackerOf(isScheduler || !uri ? url : uri, config, ports),
    notices: [
      ...(isScheduler ? [`MLFLOW_TRACKING_URI=${uri} is taken for ${what}${url}`] : []),
      ...(service?.notices ?? []),
    ],
  };
}

function urlOf(
  config: HomelabConfig,
  { tracker, sidecars }: Pick<SweepInput, "sidecars" | "tracker">,
): string {
  if (tracker === "service") return clientUrl(config);
  if (tracker === "sidecar") return `http://${TRACKER_HOST}:${trackerPort(sidecars)}`;
  return tracker.href.replace(/\/$/, "");
}

/** What the deployment wants of its clients. */
function serviceOf(
  config: HomelabConfig,
  { env, secrets }: Pick<SweepInput, "env" | "secrets">,
  own: NodeJS.ProcessEnv,
) {
  const stores = storeVariables(config.storage, { ...own, ...env });
  const missing = LOGIN.filter(
    (name) => !Object.hasOwn(env, name) && !Object.hasOwn(secrets, name),
  );
  const wanted = asksForLogin(config) && missing.length > 0;
  const known = missing.every((name) => own[name]);
  return {
    variables: stores.variables,
    secrets:
      wanted && known
        ? Object.fromEntries(missing.map((name) => [name, { key: name, source: { env: name } }]))
        : {},
    notices: [
      ...(wanted && !known
        ? [
            `the deployment asks for a login: set ${missing.join(" and ")} here, for the tasks as well`,
          ]
        : []),
      ...stores.notices,
    ],
  };
}
