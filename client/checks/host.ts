import { clientUrl } from "../../config/client-url.ts";
import { reason } from "../../config/reason.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import { isOfDeployment, type Subject } from "../subject.ts";

/** A request that changes nothing, and that MLflow looks at the Host header of. */
export const SEARCH = "/api/2.0/mlflow/experiments/search";

/** Traefik's own page; MLflow has another. */
export const TRAEFIK_KNOWS_NO_ROUTER = "404 page not found";

/** Does MLflow, and the proxy in front, take the name that the client uses? */
export async function checkHost(subject: Subject): Promise<Finding> {
  const { url, config, settings, connection } = subject;
  const own = clientUrl(config);
  try {
    const { status, body } = await connection.ask(SEARCH, { body: { max_results: 1 } });
    const text = body.toString().trim();
    if (status === 200) return ok(`requests for ${url.host} are answered`);
    if (status === 403 && /^Invalid Host header/i.test(text))
      return wrong(
        `MLflow answers 403 to requests for ${url.host}`,
        `use ${own}, or add "${url.host}" to server.allowedHosts and deploy`,
      );
    if (status === 404 && text === TRAEFIK_KNOWS_NO_ROUTER && !isOfDeployment(url, config))
      return wrong(
        `Traefik has no router for ${url.host}`,
        `use ${own}, or make hostname or url of the config that name`,
      );
    return skipped(`status ${status} came before it`);
  } catch (error) {
    // With TLS 1.3 a server looks at the client's certificate only after the handshake.
    const closed = /certificate|UND_ERR_SOCKET|ECONNRESET/i.test(`${codeOf(error)} ${error}`);
    if (closed && url.protocol === "https:" && !settings.clientCertificate)
      return wrong(
        `${url.host}: the server ends the connection after the handshake`,
        "does it want a certificate of the client's? set MLFLOW_TRACKING_CLIENT_CERT_PATH",
      );
    return wrong(`${url.host}: ${reason(error)}`, "does MLflow, or a proxy, listen at this port?");
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
