import { reason } from "../../config/reason.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import type { Subject } from "../subject.ts";
import { TRAEFIK_KNOWS_NO_ROUTER } from "./host.ts";

const LOOK = "npx homelab status tells";

/** Does the server say that it is well? */
export async function checkHealth({ url, connection }: Subject): Promise<Finding> {
  try {
    const { status, body } = await connection.ask("/health");
    const text = body.toString().trim();
    if (status === 200 && text === "OK") return ok("the server answers OK");
    if (status === 200)
      return wrong("another page than MLflow's answers", "set MLFLOW_TRACKING_URI to MLflow's URL");
    if (status === 401 || status === 403)
      return skipped(`status ${status} came before it; see authentication`);
    if (status === 404 && text === TRAEFIK_KNOWS_NO_ROUTER)
      return wrong(
        `Traefik has no router for ${url.host}`,
        `is there a healthy MLflow? ${LOOK}; if there is, see Traefik in docs/operations.md`,
      );
    if (status === 502 || status === 504)
      return wrong(
        `status ${status}: the proxy does not reach MLflow`,
        `does MLflow run? ${LOOK}; else a firewall between the proxy and the Nomad client is the cause`,
      );
    return wrong(`status ${status}`, `does MLflow run? ${LOOK}`);
  } catch (error) {
    return wrong(reason(error), `does MLflow run? ${LOOK}`);
  }
}
