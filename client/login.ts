import { type CredentialsFile, readCredentialsFile } from "./credentials-file.ts";
import { netrcLogin } from "./netrc.ts";
import type { Remark } from "./remark.ts";

export interface ClientLogin {
  /** Value of the Authorization header. */
  readonly authorization: string;
  /** For people: 'user "ada"', "a token". */
  readonly who: string;
  /** Where it is from: variables or a file. */
  readonly from: string;
}

interface Found {
  readonly login?: ClientLogin;
  readonly remarks: readonly Remark[];
}

/** What no HTTP header can hold, by requests' rules. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are among it
const NO_HEADER = /^\s|[\x00-\x1f\x7f]|[^\x00-\xff]/;

/**
 * The login that the client would send: the variables', each filled in from ~/.mlflow/credentials, or
 * the token, and above all of them netrc's.
 */
export function readLogin(env: NodeJS.ProcessEnv, home: string, url?: URL): Found {
  const file = readCredentialsFile(home);
  if (file.problem) return { remarks: [{ kind: "fatal", text: file.problem }] };
  const own = ownLogin(env, file);
  const remarks = [...own.remarks, ...plugIns(env, own.login)];
  const netrc = url && netrcLogin(url.hostname, home, env);
  if (!netrc) return { login: own.login, remarks };
  const login = basic(netrc.username, netrc.password, netrc.file);
  if (!own.login) return { login, remarks };
  const text = `${netrc.file}: it has a login for ${url.hostname}, which requests sends in place of ${own.login.from}; remove it there, or set NETRC to /dev/null`;
  return { login, remarks: [...remarks, { kind: "wrong", text }] };
}

function ownLogin(env: NodeJS.ProcessEnv, file: CredentialsFile): Found {
  const username = env.MLFLOW_TRACKING_USERNAME || file.username;
  const password = env.MLFLOW_TRACKING_PASSWORD || file.password;
  const token = env.MLFLOW_TRACKING_TOKEN;
  if (!username || !password) {
    const remarks = half(username, password, token, file);
    if (!token) return { remarks };
    if (!NO_HEADER.test(token)) {
      const authorization = `Bearer ${token}`;
      return { login: { authorization, who: "a token", from: "MLFLOW_TRACKING_TOKEN" }, remarks };
    }
    const text =
      "MLFLOW_TRACKING_TOKEN: holds a character that no HTTP header can, such as a line's end; set it to the token alone";
    return { remarks: [...remarks, { kind: "fatal", text }] };
  }
  const remarks: Remark[] = [];
  if (username.includes(":"))
    remarks.push({
      kind: "wrong",
      text: `MLFLOW_TRACKING_USERNAME: found "${username}"; basic authentication ends the name at the colon (RFC 7617); use a name without one`,
    });
  if (token)
    remarks.push({
      kind: "note",
      text: "MLFLOW_TRACKING_TOKEN is not sent: basic authentication takes precedence over it",
    });
  const variables = env.MLFLOW_TRACKING_USERNAME && env.MLFLOW_TRACKING_PASSWORD;
  const from = variables ? "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" : file.path;
  return { login: basic(username, password, from ?? ""), remarks };
}

/** Half a login is none. */
function half(
  username: string | undefined,
  password: string | undefined,
  token: string | undefined,
  { path = "~/.mlflow/credentials" }: CredentialsFile,
): Remark[] {
  const sent = `basic authentication needs both, and the client sends ${token ? "the token" : "no login"}`;
  const wrong = (text: string): Remark[] => [{ kind: "wrong", text }];
  if (username)
    return wrong(
      `MLFLOW_TRACKING_PASSWORD: not set, but the user name is; ${sent}; set it, or in ${path}`,
    );
  if (password)
    return wrong(`MLFLOW_TRACKING_USERNAME: not set, but the password is; ${sent}; set it`);
  return [];
}

function plugIns(env: NodeJS.ProcessEnv, login?: ClientLogin): Remark[] {
  const names = ["MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4"];
  const set = names.filter((name) => env[name] && !/^(false|0)$/i.test(env[name]));
  const lost = login ? `, and ${login.from} is not sent; unset one of them` : "";
  return set.map((name) => ({
    kind: login ? "wrong" : "note",
    text: `${name}: is set, and writes the Authorization header anew; what it sends is not tried here${lost}`,
  }));
}

function basic(username: string, password: string, from: string): ClientLogin {
  const encoded = Buffer.from(`${username}:${password}`).toString("base64");
  return { authorization: `Basic ${encoded}`, who: `user "${username}"`, from };
}
