import { createHash, randomBytes, randomUUID } from "node:crypto";
import { firstLine, reason } from "../../config/reason.ts";
import type { Answer, Connection, Question } from "../connection.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import type { Subject } from "../subject.ts";

const API = "/api/2.0/mlflow";
const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";
const ARTIFACT_BYTES = 1024 * 1024;
const ARTIFACT_NAME = "doctor.bin";

export interface RoundTrip {
  readonly run: Finding;
  readonly artifact: Finding;
}

interface Run {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  readonly data: {
    readonly metrics?: readonly { readonly key: string; readonly value: number }[];
    readonly params?: readonly { readonly key: string; readonly value: string }[];
  };
}

/** An answer that is none of MLflow's yes. */
class Refusal extends Error {}

/**
 * Logs a run in an experiment of its own, reads it back, and removes both: no experiment of a user's
 * is touched. MLflow deletes softly, so `mlflow gc` would find them.
 */
export async function checkRoundTrip({ connection }: Subject): Promise<RoundTrip> {
  let experiment: string | undefined;
  let found: RoundTrip;
  try {
    const name = `homelab-doctor-${randomUUID()}`;
    const made = await call(connection, "experiments/create", { name });
    experiment = String(made.experiment_id);
    found = await logAndRead(connection, experiment);
  } catch (error) {
    found = { run: failed(error), artifact: skipped("there is no run to log it to") };
  }
  const left =
    experiment && (await remove(connection, "experiments", { experiment_id: experiment }));
  return left ? { ...found, run: worse(found.run, left) } : found;
}

async function logAndRead(connection: Connection, experiment_id: string): Promise<RoundTrip> {
  const { run } = (await call(connection, "runs/create", {
    experiment_id,
    run_name: "homelab doctor",
    start_time: Date.now(),
  })) as { run: Run };
  const { run_id, artifact_uri } = run.info;
  try {
    return {
      run: await checkRun(connection, run_id).catch(failed),
      artifact: await checkArtifact(connection, artifact_uri, run_id),
    };
  } finally {
    const ended = { run_id, status: "FINISHED", end_time: Date.now() };
    await call(connection, "runs/update", ended).catch(() => {});
    await remove(connection, "runs", { run_id });
  }
}

async function checkRun(connection: Connection, run_id: string): Promise<Finding> {
  const value = Math.random();
  const metric = { run_id, key: "doctor", value, timestamp: Date.now(), step: 0 };
  await call(connection, "runs/log-parameter", { run_id, key: "doctor", value: String(value) });
  await call(connection, "runs/log-metric", metric);
  const { run } = (await call(connection, `runs/get?run_id=${run_id}`)) as { run: Run };
  const [param, read] = [run.data.params?.[0]?.value, run.data.metrics?.[0]?.value];
  if (param === String(value) && read === value)
    return ok("a run with a metric and a parameter was logged, read back and deleted");
  return wrong(
    `logged ${value}; read back parameter ${param} and metric ${read}`,
    "see the server's log, and its database",
  );
}

async function checkArtifact(connection: Connection, uri: string, run: string): Promise<Finding> {
  const folder = proxiedPath(uri);
  if (folder === undefined)
    return skipped(
      `artifacts are at ${uri.replace(/\/[^/]*$/, "")}, which only a client asks itself`,
    );
  const sent = randomBytes(ARTIFACT_BYTES);
  const path = `${ARTIFACTS}${folder}/${ARTIFACT_NAME}`;
  try {
    await expect200(connection, "the upload", path, { method: "PUT", body: sent });
    const received = (await expect200(connection, "the download", path)).body;
    if (sha256(received) === sha256(sent))
      return ok("1 MiB went up and down through the server, with the same SHA-256");
    return wrong(
      `1 MiB with SHA-256 ${sha256(sent)} went up, ${received.length} bytes with ${sha256(received)} came down`,
      "see the server's log and the artifact store",
    );
  } catch (error) {
    return wrong(tell(error), "is the artifact store writable and not full? see the server's log");
  } finally {
    // The run's own folder, whose name no other begins with: S3 deletes by the start of the name.
    const own = folder.slice(0, folder.lastIndexOf(run) + run.length);
    if (folder.includes(run))
      await connection.ask(`${ARTIFACTS}${own}`, { method: "DELETE" }).catch(() => {});
  }
}

/**
 * The path at which the server keeps a run's artifacts; undefined where the client goes to a store of
 * its own, or to another server.
 */
export function proxiedPath(uri: string): string | undefined {
  return /^mlflow-artifacts:(?:\/\/)?(\/[^/].*)$/.exec(uri)?.[1]?.replace(/\/$/, "");
}

async function call(
  connection: Connection,
  endpoint: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await expect200(connection, endpoint.replace(/\?.*/, ""), `${API}/${endpoint}`, {
    body,
  });
  try {
    return JSON.parse(answer.body.toString());
  } catch {
    throw new Refusal(`${endpoint}: no JSON, but ${firstLine(answer.body.toString())}`);
  }
}

/** @param what its name, for people */
async function expect200(
  connection: Connection,
  what: string,
  path: string,
  question: Question = {},
): Promise<Answer> {
  const answer = await connection.ask(path, question);
  if (answer.status === 200) return answer;
  throw new Refusal(`${what}: status ${answer.status}: ${message(answer.body.toString())}`);
}

/** MLflow's own words, where it is MLflow that answers. */
function message(body: string): string {
  try {
    return firstLine(JSON.parse(body).message);
  } catch {
    return firstLine(body);
  }
}

/** @returns what is left behind; undefined when nothing is */
async function remove(
  connection: Connection,
  kind: "experiments" | "runs",
  what: object,
): Promise<string | undefined> {
  try {
    await call(connection, `${kind}/delete`, what);
    return undefined;
  } catch (error) {
    return `${tell(error)}; ${JSON.stringify(what)} is still there`;
  }
}

function worse(finding: Finding, left: string): Finding {
  if (finding.status === "wrong") return finding;
  return wrong(left, "delete it in MLflow's UI");
}

function failed(error: unknown): Finding {
  return wrong(tell(error), "see the server's log; is the disk of its database full?");
}

function tell(error: unknown): string {
  return error instanceof Refusal ? error.message : reason(error);
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
