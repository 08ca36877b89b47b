import { homedir } from "node:os";
import { proxyVariable } from "./http-proxy.ts";
import { type ClientLogin, readLogin } from "./login.ts";
import type { Remark } from "./remark.ts";
import { readTls } from "./tls-rules.ts";
import { readUrl } from "./tracking-uri.ts";

/** What MLflow's Python client would do in an environment. */
export interface ClientSettings {
  /** The server it would ask; none where its URI names none. */
  readonly url?: URL;
  /** Whom it would log in as, and how; none where it would send nothing. */
  readonly login?: ClientLogin;
  /** Whether it would verify certificates; a path is that of the authorities it would believe. */
  readonly verify: boolean | string;
  /** Path of a file with a certificate of its own and its key. */
  readonly clientCertificate?: string;
}

export interface Diagnosis {
  readonly settings: ClientSettings;
  readonly remarks: readonly Remark[];
}

/**
 * The rules of MLflow's client, as its documentation and the source of 3.17 have them:
 * https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/,
 * mlflow/utils/credentials.py, mlflow/utils/rest_utils.py, and requests' own.
 *
 * @param deployment the deployment's URL: it is asked where MLFLOW_TRACKING_URI is not set
 */
export function diagnose(
  deployment: string,
  env: NodeJS.ProcessEnv = process.env,
  home = env.HOME || homedir(),
): Diagnosis {
  const { url, remarks: ofUrl } = readUrl(env, deployment);
  const { login, remarks: ofLogin } = readLogin(env, home, url);
  const { verify, remarks: ofTls } = readTls(env, url);
  const remarks = [...ofUrl, ...ofLogin, ...ofTls, ...throughProxy(env, url)];
  const clientCertificate = env.MLFLOW_TRACKING_CLIENT_CERT_PATH || undefined;
  return { settings: { url, login, verify, clientCertificate }, remarks };
}

function throughProxy(env: NodeJS.ProcessEnv, url?: URL): Remark[] {
  const variable = url && proxyVariable(url, env);
  if (!variable) return [];
  return [
    {
      kind: "wrong",
      text: `${variable}: the client asks this proxy in place of ${url.host}, and the checks below do not; add ${url.hostname} to NO_PROXY`,
    },
  ];
}
