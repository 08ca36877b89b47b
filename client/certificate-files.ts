import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { reason } from "../config/reason.ts";
import { show } from "../config/show.ts";

const CERTIFICATE = /-----BEGIN (TRUSTED )?CERTIFICATE-----/;
const KEY = /-----BEGIN ((RSA|EC) )?PRIVATE KEY-----/;
const LOCKED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

const AUTHORITIES = [
  "MLFLOW_TRACKING_SERVER_CERT_PATH",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
] as const;
const OWN = "MLFLOW_TRACKING_CLIENT_CERT_PATH";

/** The authorities that requests believes in place of Mozilla's: the first of three variables. */
export function authoritiesVariable(env: NodeJS.ProcessEnv): string | undefined {
  return AUTHORITIES.find((name) => env[name]);
}

/**
 * Why requests can't use the files that its environment names, one line each.
 *
 * @param tls whether the URL is https
 * @param verifies whether certificates are verified
 */
export function clientFileProblems(
  env: NodeJS.ProcessEnv,
  { tls, verifies }: { tls: boolean; verifies: boolean },
): string[] {
  const variable = authoritiesVariable(env);
  const own = env[OWN];
  return [
    ...(variable && tls && verifies ? authoritiesProblem(variable, env[variable] ?? "") : []),
    // That it is there is asked without TLS as well, what it holds is not.
    ...(own && (tls || !existsSync(own)) ? ownProblem(OWN, own) : []),
  ];
}

/**
 * The certificates of the authorities in a PEM file, or in a directory as c_rehash makes it.
 *
 * @throws Error of the file system
 */
export function readAuthorities(path: string): string {
  if (!statSync(path).isDirectory()) return readFileSync(path, "utf8");
  const hashed = readdirSync(path).filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name));
  return hashed.map((name) => readFileSync(join(path, name), "utf8")).join("\n");
}

function authoritiesProblem(variable: string, path: string): string[] {
  const wanted = "a PEM file with the certificate of the server's authority";
  try {
    if (CERTIFICATE.test(readAuthorities(path))) return [];
    return [`${variable}: found ${show(path)}, which holds no certificate; expected ${wanted}`];
  } catch (error) {
    return [`${variable}: found ${show(path)}: ${why(path, error)}; expected ${wanted}`];
  }
}

function ownProblem(variable: string, path: string): string[] {
  const wanted = "a PEM file with a certificate and its key";
  try {
    const text = readFileSync(path, "utf8");
    if (LOCKED_KEY.test(text))
      return [
        `${variable}: found ${show(path)}, whose key wants a passphrase; the client asks for it at each connection; expected one without`,
      ];
    if (CERTIFICATE.test(text) && KEY.test(text)) return [];
    const missing = CERTIFICATE.test(text) ? "no key" : "no certificate";
    return [
      `${variable}: found ${show(path)}, which holds ${missing}; the client takes both from one file; expected ${wanted}`,
    ];
  } catch (error) {
    return [`${variable}: found ${show(path)}: ${why(path, error)}; expected ${wanted}`];
  }
}

function why(path: string, error: unknown): string {
  if (path.startsWith("~")) return "only a shell knows ~, and not between quotes";
  return (error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : reason(error);
}
