import { createHash, randomBytes } from "node:crypto";
import { Connection } from "../connection.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import { API, expect200, tell } from "../mlflow-api.ts";
import type { Subject } from "../subject.ts";
import { checkBucket } from "./bucket.ts";

const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";
const ARTIFACT_BYTES = 1024 * 1024;
const ARTIFACT_NAME = "doctor.bin";

/** Does an artifact of a run go where the run says, and come back as it was? */
export async function checkArtifact(subject: Subject, uri: string, run: string): Promise<Finding> {
  const { artifacts } = subject.config.storage;
  if (uri.startsWith("s3://") && artifacts.type === "s3") return checkBucket(uri, artifacts);
  const place = placeOf(uri, subject.url);
  if (!place)
    return skipped(
      `artifacts are at ${uri.replace(/\/[^/]*$/, "")}, which only a client asks itself`,
    );
  if (place.server.host === subject.url.host) return carry(subject, subject.connection, place, run);
  const connection = new Connection(place.server, subject.settings);
  try {
    return await carry(subject, connection, place, run);
  } finally {
    await connection.close();
  }
}

interface Place {
  /** The server that takes the artifacts. */
  readonly server: URL;
  /** Path of the run's artifacts there. */
  readonly folder: string;
}

/**
 * Where a run's artifacts are: at the server of the runs, or at another one that is named; undefined
 * where the client goes to a store of its own. MLflow's client takes the URL's scheme for both.
 */
export function placeOf(uri: string, url: URL): Place | undefined {
  const [, host, folder] = /^mlflow-artifacts:(?:\/\/([^/]*))?(\/[^/].*)$/.exec(uri) ?? [];
  if (!folder) return undefined;
  return {
    server: host ? new URL(`${url.protocol}//${host}`) : url,
    folder: folder.replace(/\/$/, ""),
  };
}

/** @param carrier leads to the server that takes the artifacts */
async function carry(
  { connection, url, config }: Subject,
  carrier: Connection,
  { server, folder }: Place,
  run: string,
): Promise<Finding> {
  const sent = randomBytes(ARTIFACT_BYTES);
  const path = `${ARTIFACTS}${folder}/${ARTIFACT_NAME}`;
  const through = server.host === url.host ? "the server" : server.host;
  try {
    await expect200(carrier, "the upload", path, { method: "PUT", body: sent });
    const received = (await expect200(carrier, "the download", path)).body;
    if (sha256(received) !== sha256(sent))
      return wrong(
        `1 MiB with SHA-256 ${sha256(sent)} went up, ${received.length} bytes with ${sha256(received)} came down`,
        "see the server's log and the artifact store",
      );
    if (config.storage.artifactsServer && !(await isListed(connection, run)))
      return wrong(
        "the client gets through to the server for artifacts, the server for runs does not: the UI shows none",
        "let the containers of the Nomad clients resolve and reach the url, or set MLFLOW_TRACKING_URI in server.env",
      );
    return ok(`1 MiB went up and down through ${through}, with the same SHA-256`);
  } catch (error) {
    return wrong(
      server.host === url.host ? tell(error) : `${server.host}: ${tell(error)}`,
      "is the artifact store writable and not full? see the server's log",
    );
  } finally {
    // The run's own folder, whose name no other begins with: S3 deletes by the start of the name.
    const own = folder.slice(0, folder.lastIndexOf(run) + run.length);
    if (folder.includes(run))
      await carrier.ask(`${ARTIFACTS}${own}`, { method: "DELETE" }).catch(() => {});
  }
}

/** Whether the server for runs, whose answers the UI shows, finds the artifact. */
async function isListed(connection: Connection, run: string): Promise<boolean> {
  const listed = await connection.ask(`${API}/artifacts/list?run_id=${run}`).catch(() => undefined);
  return listed?.status === 200 && listed.body.includes(ARTIFACT_NAME);
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
