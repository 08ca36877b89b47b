import { setTimeout as sleep } from "node:timers/promises";
import { type Ask, asking, askSteadily, patienceFor } from "./ask.ts";
import { carryArtifact } from "./carry-artifact.ts";
import type { ArtifactsServer, CheckSpec } from "./spec.ts";

const API = "/api/2.0/mlflow";
const LISTING = "/api/2.0/mlflow-artifacts/artifacts";
const JSON_TYPE = { "content-type": "application/json" };

/** Traefik learns of the one server after the other. */
const PATIENCE_MS = 45_000;

/** Where the two servers are asked: the base to connect to, and the address its name leads to. */
export interface Places {
  readonly runs: Place;
  readonly artifacts: Place;
}

interface Place {
  readonly base: string;
  readonly address?: string;
}

/**
 * Asks the server for artifacts alone what clients would, and the server for runs what its UI would of
 * the other one.
 *
 * @returns what did not hold, one line each; nothing when all is well
 */
export async function checkArtifactsServer(
  spec: CheckSpec,
  { url, root }: ArtifactsServer,
  { runs, artifacts }: Places,
): Promise<string[]> {
  const { base } = artifacts;
  const problems = await asking({ ...artifacts, host: new URL(url).host }, async (ask) => {
    const found = await untilItLists(ask);
    if (found !== undefined)
      return [
        `the server for artifacts at ${base}: expected 200, found ${found}; ${advice(spec, url)}`,
      ];
    // By path, all that another server answers goes there.
    const alone = url === spec.url && spec.through === "url" ? [] : await servesNoRuns(ask, base);
    const steady = { base, patience: patienceFor(spec) };
    return [...alone, ...(await askSteadily(ask, steady, (own) => carryArtifact(own, base)))];
  });
  if (problems.length > 0) return problems;
  return asking({ ...runs, host: new URL(spec.url).host }, (ask) =>
    listThroughRuns(ask, spec, root),
  );
}

/** @returns what was found in place of 200 */
async function untilItLists(ask: Ask): Promise<string | undefined> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask(LISTING).then(
      ({ status }) => (status === 200 ? undefined : `status ${status}`),
      (error: Error) => error.message,
    );
    if (!found || Date.now() > end) return found;
    await sleep(500);
  }
}

async function servesNoRuns(ask: Ask, base: string): Promise<string[]> {
  const { status, body } = await ask(`${API}/experiments/search`, JSON_TYPE, "POST", "{}");
  if (status === 503 && body.includes("--artifacts-only")) return [];
  return [
    `the server for artifacts at ${base}: expected runs to be refused, found status ${status}; another server answers there`,
  ];
}

function advice({ url: ofRuns, traefik }: CheckSpec, url: string): string {
  const { hostname } = new URL(url);
  if (url !== ofRuns) return `does ${hostname} lead to Traefik? its DNS record is yours to make`;
  return `does Traefik (providers.${traefik}) know its router, and reach its Nomad client?`;
}

/**
 * The UI shows artifacts through the server for runs, which asks the other one at MLFLOW_TRACKING_URI.
 * Where there is no run yet, there is nothing to ask for.
 */
async function listThroughRuns(ask: Ask, { url }: CheckSpec, root: string): Promise<string[]> {
  const run = await anyRun(ask, root);
  if (!run) return [];
  const { status } = await ask(`${API}/artifacts/list?run_id=${run}`);
  if (status === 200) return [];
  return [
    `the server for runs at ${url}: found status ${status} where its UI shows artifacts; it asks the server for artifacts at ${url}: let the containers of the Nomad clients resolve and reach that, or set MLFLOW_TRACKING_URI in server.env to what they reach`,
  ];
}

/** A run whose artifacts are at the server for artifacts. */
async function anyRun(ask: Ask, root: string): Promise<string | undefined> {
  const search = async (what: string, body: object) => {
    const answer = await ask(`${API}/${what}/search`, JSON_TYPE, "POST", JSON.stringify(body));
    return answer.status === 200 ? JSON.parse(answer.body.toString()) : {};
  };
  const { experiments = [] } = await search("experiments", { max_results: 100 });
  const own = (experiments as { experiment_id: string; artifact_location: string }[])
    // Not a hostname's, where the root is a path.
    .filter(({ artifact_location: at }) => at.startsWith(root) && !at.startsWith(`${root}/`))
    .map(({ experiment_id: id }) => id);
  if (own.length === 0) return undefined;
  const { runs = [] } = await search("runs", { experiment_ids: own, max_results: 1 });
  return runs[0]?.info?.run_id;
}
