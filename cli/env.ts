import { resolve } from "node:path";
import { diagnose } from "../client/settings.ts";
import { detectShell, exportsFor, howToGivePassword, type Shell } from "../client/shells.ts";
import { storeVariables } from "../client/store-variables.ts";
import { clientUrl } from "../config/client-url.ts";
import { UserError } from "../config/errors.ts";
import { loadConfig } from "../config/load.ts";
import { asksForLogin } from "../config/login.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { BAD_INPUT, failWith } from "./exit-code.ts";

export interface EnvOptions {
  readonly shell?: Shell;
  /** User name of the login. */
  readonly user?: string;
  /** Print the password of the environment as well. */
  readonly withPassword?: boolean;
  readonly json?: boolean;
}

export interface ClientEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** What a user should know, one line each. */
  readonly notices: readonly string[];
}

const PASSWORD = "MLFLOW_TRACKING_PASSWORD";

/** Prints what a client needs to reach the deployment; on stdout nothing else. */
export async function env(options: EnvOptions): Promise<void> {
  const { config } = await failWith(BAD_INPUT, () => loadConfig());
  const shell = options.shell ?? detectShell(process.env);
  const { variables, notices } = clientEnvironment(config, shell, options);
  if (options.json) return console.log(JSON.stringify({ variables, notices }, undefined, 2));
  const lines = exportsFor(shell, variables);
  for (const notice of notices) console.error(notice);
  console.log(lines.join("\n"));
}

/**
 * The variables of a client for a deployment: its URI, the login when a user is named, and what the
 * caller's own environment says of TLS.
 *
 * @throws UserError where MLflow's client would refuse them
 */
export function clientEnvironment(
  config: HomelabConfig,
  shell: Shell,
  { user, withPassword = false }: EnvOptions,
  own: NodeJS.ProcessEnv = process.env,
): ClientEnvironment {
  const url = clientUrl(config);
  checkOptions(user, withPassword, own);
  const variables: Record<string, string> = { MLFLOW_TRACKING_URI: url };
  if (user) variables.MLFLOW_TRACKING_USERNAME = user;
  if (withPassword) variables[PASSWORD] = own[PASSWORD] ?? "";
  if (url.startsWith("https:")) Object.assign(variables, tlsVariables(own));
  const store = storeVariables(config.storage, own);
  Object.assign(variables, store.variables);
  const { remarks, settings } = diagnose(url, { ...own, ...variables });
  const refused = remarks.filter(({ kind }) => kind === "fatal").map(({ text }) => text);
  if (refused.length > 0) throw new UserError(refused, BAD_INPUT);
  const basic = settings.login?.authorization.startsWith("Basic ") ?? false;
  const needsPassword = user !== undefined && !withPassword && !basic;
  return {
    variables,
    notices: [
      ...remarks
        // Its own line is better.
        .filter(({ text }) => !(needsPassword && text.startsWith(`${PASSWORD}:`)))
        .map(({ text }) => text),
      ...(needsPassword
        ? [`the client needs ${PASSWORD} too, and sends no login without it:`, givePassword(shell)]
        : []),
      ...(asksForLogin(config) && !user && !settings.login
        ? ["this deployment asks for a login: add --user NAME"]
        : []),
      ...store.notices,
    ],
  };
}

function givePassword(shell: Shell): string {
  return `  ${howToGivePassword(shell)}`;
}

function checkOptions(user: string | undefined, withPassword: boolean, own: NodeJS.ProcessEnv) {
  const problems: string[] = [];
  // RFC 7617: the name ends at the colon, and neither holds control characters.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: see above
  if (user !== undefined && (user === "" || /[:\x00-\x1f\x7f]/.test(user)))
    problems.push("--user: expected a name without colons and control characters");
  if (withPassword && !user)
    problems.push("--with-password: expected --user NAME with it: a login is both");
  if (withPassword && !own[PASSWORD])
    problems.push(`--with-password: ${PASSWORD} is not set in this environment`);
  if (problems.length > 0) throw new UserError(problems, BAD_INPUT);
}

/** Another directory or another process would not find a relative path. */
function tlsVariables(own: NodeJS.ProcessEnv): Record<string, string> {
  const paths = ["MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"];
  const set = paths.filter((name) => own[name] && !own[name].startsWith("~"));
  const insecure = own.MLFLOW_TRACKING_INSECURE_TLS;
  return {
    ...Object.fromEntries(set.map((name) => [name, resolve(own[name] ?? "")])),
    ...(insecure ? { MLFLOW_TRACKING_INSECURE_TLS: insecure } : {}),
  };
}
