import { reason } from "../../config/reason.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import { clientPython } from "../python.ts";
import type { Subject } from "../subject.ts";

/** Is the server's MLflow the deployed one, and does the client's own go with it? */
export async function checkVersion({ connection, mlflowVersion }: Subject): Promise<Finding> {
  let server: string;
  try {
    const { status, body } = await connection.ask("/version");
    if (status === 401 || status === 403) return skipped(`status ${status} came before it`);
    if (status !== 200) return wrong(`status ${status}`, "is it MLflow that answers there?");
    server = body.toString().trim();
  } catch (error) {
    return wrong(reason(error), "see the server's log");
  }
  if (server !== mlflowVersion)
    return wrong(
      `the server is MLflow ${server}, and ${mlflowVersion} is in image/`,
      "deploy, or set MLFLOW_TRACKING_URI to this deployment's URL",
    );
  const client = (await clientPython())?.mlflow;
  if (!client) return ok(`the server is MLflow ${server}; no Python on PATH has a client`);
  const problem = whyNot(client, server);
  if (problem)
    return wrong(
      `the server is MLflow ${server}, the client on PATH ${client}: ${problem}`,
      `pip install mlflow-skinny==${server}`,
    );
  return ok(`the server is MLflow ${server}, the client on PATH ${client}`);
}

/**
 * Why a client does not go with a server: MLflow keeps its REST API within a major version, and adds
 * to it with each minor one.
 */
export function whyNot(client: string, server: string): string | undefined {
  const [major = 0, minor = 0] = client.split(".").map(Number.parseFloat);
  const [serverMajor = 0, serverMinor = 0] = server.split(".").map(Number.parseFloat);
  if (major !== serverMajor) return "another major version";
  if (minor > serverMinor) return "newer, it may ask for what the server does not have";
  return undefined;
}
