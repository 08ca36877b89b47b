import type { Remark } from "./remark.ts";

/** The server that MLFLOW_TRACKING_URI names, or the deployment's where it is not set. */
export function readUrl(
  env: NodeJS.ProcessEnv,
  deployment: string,
): { url?: URL; remarks: Remark[] } {
  const uri = env.MLFLOW_TRACKING_URI;
  if (!uri) return { url: new URL(deployment), remarks: [] };
  const fatal = (why: string): { remarks: Remark[] } => ({
    remarks: [{ kind: "fatal", text: `MLFLOW_TRACKING_URI: ${why}; set it to ${deployment}` }],
  });
  if (!/^https?:\/\//i.test(uri))
    return fatal(
      `found "${withoutLogin(uri)}"; without http:// or https:// the client logs to this machine or fails`,
    );
  if (/\s/.test(uri)) return fatal("holds a blank or a line's end");
  if (!URL.canParse(uri)) return fatal(`found "${withoutLogin(uri)}", which is no URL`);
  const url = new URL(uri);
  if (url.search || url.hash)
    return fatal(`found "${withoutLogin(uri)}"; the client appends its paths to it, after ? or #`);
  const remarks: Remark[] = [];
  if (url.username || url.password) {
    url.username = "";
    url.password = "";
    remarks.push({
      kind: "wrong",
      text: "MLFLOW_TRACKING_URI: holds a login, and the client prints its URI with each run; use MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    });
  }
  return { url, remarks };
}

/** A password in a URI is not for the terminal. */
function withoutLogin(uri: string): string {
  return uri.replace(/^([a-z][\w+.-]*:\/\/)?.*@/i, "$1...@");
}
