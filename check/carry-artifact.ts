import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Ask } from "./ask.ts";

const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";
const ARTIFACT_BYTES = 1024 * 1024;

/**
 * Sends a server an artifact, and takes it back and away.
 *
 * @returns what did not hold, one line each
 */
export async function carryArtifact(ask: Ask, base: string): Promise<string[]> {
  const sent = randomBytes(ARTIFACT_BYTES);
  const path = `${ARTIFACTS}/.homelab-check-${randomUUID()}`;
  const put = await ask(path, { "content-type": "application/octet-stream" }, "PUT", sent);
  const received = (await ask(path)).body;
  await ask(path, {}, "DELETE");
  return [
    ...(put.status === 200
      ? []
      : [
          `uploading an artifact at ${base}: expected 200, found ${put.status}; see the server's log; is the artifact store writable and not full?`,
        ]),
    ...(sha256(sent) === sha256(received)
      ? []
      : [
          `an artifact's SHA-256 at ${base}: expected ${sha256(sent)}, found ${sha256(received)}; see the server's log and the artifact store`,
        ]),
  ];
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
