import { clientUrl } from "../../config/client-url.ts";
import type { HomelabConfig } from "../../config/schema.ts";
import { type Finding, ok, wrong } from "../finding.ts";
import type { Diagnosis } from "../settings.ts";
import { isOfDeployment } from "../subject.ts";

/** Do the client's variables and files keep the rules, and lead to this deployment? */
export function checkVariables(
  { settings, remarks }: Diagnosis,
  config: HomelabConfig,
  env: NodeJS.ProcessEnv = process.env,
): Finding {
  const own = clientUrl(config);
  const broken = remarks.filter(({ kind }) => kind !== "note").map(({ text }) => text);
  if (settings.url && !isOfDeployment(settings.url, config))
    broken.push(
      `MLFLOW_TRACKING_URI: found "${settings.url.href}", which is none of this deployment's; set it to ${own}`,
    );
  // Each line has its own.
  if (broken.length > 0) return wrong(broken.join("\n"), "");
  const notes = remarks.map(({ text }) => text);
  const uri = env.MLFLOW_TRACKING_URI
    ? `MLFLOW_TRACKING_URI is ${settings.url?.href.replace(/\/$/, "")}`
    : `MLFLOW_TRACKING_URI is not set, so ${own} is asked; a client would log to this machine: eval "$(npx homelab env)"`;
  return ok([uri, ...notes].join("\n"));
}
