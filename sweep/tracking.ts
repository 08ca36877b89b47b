import { userInfo } from "node:os";
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

/** The same in any text. */
const IN_TEXT = /https?:\/\/coiled-scheduler(?::5000)?(?![\w.:-])/g;

const LOGIN = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"];

/** What a task needs to log to its MLflow. */
export interface Tracking {
  readonly variables: Readonly<Record<string, string>>;
  /** The deployment's login, where it asks for one and it is in the environment here. */
  readonly secrets: SecretSources;
  /** Of what the user says, what stays, with the tracker's address in place of the other tool's. */
  readonly input: Pick<SweepInput, "env" | "command" | "script">;
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
  input: Pick<SweepInput, "env" | "secrets" | "sidecars" | "tracker" | "command" | "script">,
  own: NodeJS.ProcessEnv = process.env,
): Tracking {
  const { env, sidecars } = input;
  const { MLFLOW_TRACKING_URI: uri = "", ...others } = env;
  const ports = portsOf(sidecars);
  const isSidecar = ports.includes(sidecarPort(uri) ?? 0);
  const isScheduler = COILED_SCHEDULER.test(uri) && !isSidecar;
  const url = urlOf(config, input);
  const what = input.tracker === "service" ? `this deployment's, ${url}` : url;
  const user = { ...input, env: isScheduler ? others : env };
  const reaching = ports.includes(5000) ? { input: user, places: [] } : withAddress(user, url);
  const service = input.tracker === "service" ? serviceOf(config, input, own) : undefined;
  return {
    variables: {
      MLFLOW_TRACKING_URI: url,
      MLFLOW_DISABLE_TELEMETRY: "true",
      // Else each task says many lines of a git that its image need not have,
      GIT_PYTHON_REFRESH: "quiet",
      // and of a user that it does not know; MLflow has this one as the run's.
      LOGNAME: userName(),
      ...service?.variables,
    },
    secrets: service?.secrets ?? {},
    input: reaching.input,
    tracker: trackerOf(reaching.input.env.MLFLOW_TRACKING_URI || url, config, ports),
    notices: [
      ...(isScheduler ? [`MLFLOW_TRACKING_URI=${uri} is taken for ${what}`] : []),
      ...reaching.places.map((place) => `http://coiled-scheduler in ${place} is taken for ${what}`),
      ...(service?.notices ?? []),
    ],
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // Here, too, there may be a number alone.
    return "homelab";
  }
}

/** The tracker's address wherever the other tool's is, and where that was. */
function withAddress(
  { env, command, script }: Tracking["input"],
  url: string,
): { input: Tracking["input"]; places: string[] } {
  const places = new Set<string>();
  const put = (text: string, place: string) =>
    text.replaceAll(IN_TEXT, () => {
      places.add(place);
      return url;
    });
  const variables = Object.entries(env).map(([name, value]) => [name, put(value, name)]);
  const input = {
    env: Object.fromEntries(variables),
    command: command.map((word) => put(word, "the command")),
    script: script && {
      ...script,
      // A comment reaches nobody, and the header's say of the environment, which is looked at above.
      text: script.text.replaceAll(/^(?![ \t]*#).*/gm, (line) => put(line, script.name)),
    },
  };
  return { input, places: [...places] };
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
