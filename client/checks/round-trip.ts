import { randomUUID } from "node:crypto";
import type { Connection } from "../connection.ts";
import { type Finding, ok, skipped, wrong } from "../finding.ts";
import { call, tell } from "../mlflow-api.ts";
import type { Subject } from "../subject.ts";
import { checkArtifact } from "./artifact.ts";

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

/**
 * Logs a run in an experiment of its own, reads it back, and removes both: no experiment of a user's
 * is touched. MLflow deletes softly, so `mlflow gc` would find them.
 */
export async function checkRoundTrip(subject: Subject): Promise<RoundTrip> {
  const { connection } = subject;
  let experiment: string | undefined;
  let found: RoundTrip;
  try {
    const name = `homelab-doctor-${randomUUID()}`;
    const made = await call(connection, "experiments/create", { name });
    experiment = String(made.experiment_id);
    found = await logAndRead(subject, experiment);
  } catch (error) {
    found = { run: failed(error), artifact: skipped("there is no run to log it to") };
  }
  const left =
    experiment && (await remove(connection, "experiments", { experiment_id: experiment }));
  return left ? { ...found, run: worse(found.run, left) } : found;
}

async function logAndRead(subject: Subject, experiment_id: string): Promise<RoundTrip> {
  const { connection } = subject;
  const { run } = (await call(connection, "runs/create", {
    experiment_id,
    run_name: "homelab doctor",
    start_time: Date.now(),
  })) as { run: Run };
  const { run_id, artifact_uri } = run.info;
  try {
    return {
      run: await checkRun(connection, run_id).catch(failed),
      artifact: await checkArtifact(subject, artifact_uri, run_id),
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
