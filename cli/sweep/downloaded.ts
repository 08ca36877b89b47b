/** MLflow's UI over what `homelab files download` has brought here, by the MLflow of this machine. */
import { existsSync, readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { clientPython } from "../../client/python.ts";
import { UserError } from "../../config/errors.ts";
import { ROOT } from "../../config/load.ts";
import { mlflowVersion } from "../../stacks/mlflow-version.ts";
import { sweepPage } from "../../sweep/page.ts";
import { runsOf } from "../../sweep/runs.ts";
import { BAD_INPUT } from "../exit-code.ts";

const HOST = "127.0.0.1";
/** MLflow loads for several seconds. */
const PATIENCE_S = 120;
const SHOWN_LINES = 5;

/**
 * Serves a folder until Ctrl-C.
 *
 * @param show is given the page of the sweep's runs
 * @throws UserError where there is no data of MLflow's, no MLflow, or no run of the sweep
 */
export async function serveDownloaded(
  name: string,
  folder: string,
  show: (page: string) => Promise<void>,
): Promise<void> {
  const store = backendStore(folder);
  const python = await clientPython();
  if (!python?.hasServer) {
    const found = python
      ? `mlflow-skinny ${python.mlflow} alone, which has no server,`
      : "no MLflow";
    const todo = `pip install mlflow==${mlflowVersion(ROOT)}`;
    throw new UserError([`--data: found ${found} for the python on PATH; ${todo}`], BAD_INPUT);
  }
  const url = `http://${HOST}:${await freePort()}`;
  const options = [
    ...["--host", HOST, "--port", new URL(url).port, "--workers", "1"],
    ...["--backend-store-uri", store, "--artifacts-destination", resolve(folder)],
  ];
  // MLflow's own process is a child of its command: the group is what can be ended.
  const server = execa(python.program, ["-m", "mlflow", "server", ...options], {
    all: true,
    detached: true,
    // A folder, which MLflow would rather have in a database.
    env: { MLFLOW_ALLOW_FILE_STORE: "true" },
    reject: false,
  });
  let isAsked = false;
  const end = () => {
    isAsked = true;
    if (server.pid && server.exitCode === null) process.kill(-server.pid, "SIGTERM");
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, end);
  const hasEnded = () => server.exitCode !== null || server.signalCode !== null;
  try {
    const isUp = await answers(url, hasEnded);
    if (isAsked) return;
    if (!isUp) {
      end();
      const said = (await server).all?.trimEnd().split("\n").slice(-SHOWN_LINES) ?? [];
      throw new UserError([`mlflow ${python.mlflow} does not serve ${folder}:`, ...said]);
    }
    const { runs, problem } = await runsOf(url, name, {});
    if (runs.size === 0 && problem) throw new UserError([`MLflow on ${folder}: ${problem}`]);
    if (runs.size === 0) throw new UserError([`${folder}: found no run of ${name}`], BAD_INPUT);
    await show(sweepPage(url, name, runs.values()));
    console.log("Ctrl-C ends it");
    await server;
  } finally {
    if (!hasEnded()) end();
    await server;
  }
}

/** Which of its stores MLflow has left in a folder. */
function backendStore(folder: string): string {
  const database = join(resolve(folder), "mlflow.db");
  if (existsSync(database)) return `sqlite:///${database}`;
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  if (entries.some((entry) => existsSync(join(folder, entry, "meta.yaml")))) return resolve(folder);
  throw new UserError(
    [
      `--data ${folder}: found neither mlflow.db nor experiments of MLflow's; expected the folder that npx homelab files download --into has filled`,
    ],
    BAD_INPUT,
  );
}

async function answers(url: string, hasEnded: () => boolean): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_S * 1000; Date.now() < end; await sleep(200)) {
    if (hasEnded()) return false;
    const isUp = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return true;
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, HOST, done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
