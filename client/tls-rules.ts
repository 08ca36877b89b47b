import { authoritiesVariable, clientFileProblems } from "./certificate-files.ts";
import type { Remark } from "./remark.ts";

const TRUE = ["true", "1"];
const FALSE = ["false", "0"];

/** What is verified, and what is wrong with the variables that say so. */
export function readTls(
  env: NodeJS.ProcessEnv,
  url?: URL,
): { verify: boolean | string; remarks: Remark[] } {
  const insecure = env.MLFLOW_TRACKING_INSECURE_TLS;
  const authorities = env.MLFLOW_TRACKING_SERVER_CERT_PATH;
  const remarks: Remark[] = [];
  const add = (kind: Remark["kind"], text: string) => void remarks.push({ kind, text });
  const off = insecure !== undefined && TRUE.includes(insecure.toLowerCase());
  if (insecure !== undefined && ![...TRUE, ...FALSE].includes(insecure.toLowerCase()))
    add(
      "fatal",
      `MLFLOW_TRACKING_INSECURE_TLS: found "${insecure}"; the client takes true or false and fails with anything else; unset it`,
    );
  if (off && authorities !== undefined)
    add(
      "fatal",
      "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH: both are set; one says to verify nothing, the other by what to verify, and the client refuses the two; unset MLFLOW_TRACKING_INSECURE_TLS",
    );
  else if (authorities === "")
    add(
      "wrong",
      "MLFLOW_TRACKING_SERVER_CERT_PATH: set and empty, by which the client verifies no certificate at all; unset it",
    );
  const verifies = !off && authorities !== "";
  const tls = url?.protocol === "https:";
  for (const problem of clientFileProblems(env, { tls, verifies })) add("fatal", problem);
  const used = ["SERVER_CERT_PATH", "CLIENT_CERT_PATH", "INSECURE_TLS"]
    .map((name) => `MLFLOW_TRACKING_${name}`)
    .filter((name) => env[name] && env[name] !== "false");
  if (url && !tls && used.length > 0)
    add("note", `${used.join(", ")}: without effect, as the URL is http`);
  else if (off)
    add(
      "note",
      "MLFLOW_TRACKING_INSECURE_TLS: no certificate is verified, so whoever is on the way can read the login; MLFLOW_TRACKING_SERVER_CERT_PATH is the safe way",
    );
  const variable = authoritiesVariable(env);
  return { verify: verifies && ((variable && env[variable]) || true), remarks };
}
