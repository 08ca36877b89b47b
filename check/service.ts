import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import { readSecrets } from "../secrets/read.ts";
import { type Ask, asking, askSteadily, patienceFor } from "./ask.ts";
import { carryArtifact } from "./carry-artifact.ts";
import { basic } from "./client.ts";
import type { CheckSpec } from "./spec.ts";

/** A name and an origin that no config allows: RFC 2606 keeps .example free. */
const FOREIGN = "foreign.example";

/** A proxy learns of a new allocation by polling; Traefik's Nomad provider asks every 15 s. */
const PATIENCE_MS = 45_000;

const API = "/api/2.0/mlflow";

/**
 * Asks the running server what a client and a browser would.
 *
 * @param base where to connect to, such as "http://127.0.0.1:25000", and the path below which MLflow answers
 * @param address what the name in base leads to, where a DNS server was asked; else this machine's resolver is
 * @returns what did not hold, one line each; nothing when all is well
 */
export async function checkService(
  spec: CheckSpec,
  base: string,
  address?: string,
): Promise<string[]> {
  const login = spec.login && adminLogin(spec.login);
  return asking({ base, host: new URL(spec.url).host, login, address }, async (ask) => {
    await waitUntilHealthy(ask, spec, base);
    const patience = patienceFor(spec);
    return askSteadily(ask, { base, patience }, (steady) => findProblems(steady, spec, base));
  });
}

async function findProblems(ask: Ask, spec: CheckSpec, base: string): Promise<string[]> {
  const url = new URL(spec.url);
  const problems: string[] = [];
  const expect = (what: string, wanted: string, found: string, todo: string) => {
    if (wanted !== found)
      problems.push(`${what} at ${base}: expected ${wanted}, found ${found}; ${todo}`);
  };

  const version = (await ask("/version")).body.toString().trim();
  expect(
    "MLflow's version",
    spec.mlflowVersion,
    version,
    "another server answers there, or an old one still runs",
  );

  const json = { "content-type": "application/json" };
  const search = (headers: Record<string, string>) =>
    ask(`${API}/experiments/search`, { ...json, ...headers }, "POST", '{"max_results": 1}');
  const status = async (headers: Record<string, string>) => String((await search(headers)).status);
  const refused = async (headers: Record<string, string>) =>
    (await search(headers)).status === 200 ? "accepted" : "refused";
  const own = { host: url.host, origin: url.origin };
  expect(
    `a request for ${url.host}`,
    "200",
    await status({ host: url.host }),
    "set hostname and url to the name clients use",
  );
  // MLflow lets every page of localhost in, so the url's alone would say nothing of the lab's name.
  const named = new URL(url);
  named.hostname = spec.hostname;
  for (const origin of new Set([url.origin, named.origin]))
    expect(
      `a request from the page ${origin}`,
      "200",
      await status({ ...own, origin }),
      "set hostname and url to what the browser shows",
    );
  expect(
    `a request for ${FOREIGN}`,
    "refused",
    await refused({ host: FOREIGN }),
    "remove wildcards from server.allowedHosts",
  );
  expect(
    `a request from the page http://${FOREIGN}`,
    "refused",
    await refused({ ...own, origin: `http://${FOREIGN}` }),
    "remove wildcards from server.corsOrigins",
  );

  if (spec.login)
    expect(
      "a request with a wrong password",
      "401",
      await status(basic(spec.login.username, randomUUID())),
      "MLflow's logins are not in force; deploy again",
    );
  // Then they are between the clients and the bucket, which was looked at before, or another server.
  if (spec.artifacts === "direct" || spec.artifactsServer) return problems;
  problems.push(...(await carryArtifact(ask, base)));
  return problems;
}

/** @throws UserError when the password is not where the config says */
function adminLogin({ username, password }: NonNullable<CheckSpec["login"]>) {
  return basic(username, readSecrets({ password }).password ?? "");
}

async function waitUntilHealthy(ask: Ask, spec: CheckSpec, base: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask("/health").then(
      ({ status, body }) => (status === 200 ? undefined : { status, body: body.toString().trim() }),
      (error: NodeJS.ErrnoException) => ({ error }),
    );
    if (!found) return;
    if (Date.now() > end) throw new UserError([unreachable(spec, base, found)]);
    await sleep(500);
  }
}

type Unhealthy =
  | { readonly status: number; readonly body: string }
  | { readonly error: NodeJS.ErrnoException };

function unreachable(spec: CheckSpec, base: string, found: Unhealthy): string {
  const what = "error" in found ? reason(found.error) : `status ${found.status}`;
  const way = spec.through === "url" ? ' (or set check.through to "allocation")' : "";
  return `${base}/health: expected 200, found ${what}; ${whatToDo(spec, found)}${way}`;
}

function whatToDo(spec: CheckSpec, found: Unhealthy): string {
  const { host, hostname, port, protocol } = new URL(spec.url);
  if ("error" in found) {
    const code = found.error.code ?? "";
    if (code === "ENOTFOUND" || code === "EAI_AGAIN")
      return "add it to your DNS server, or let the deploy do it: dns";
    if (/CERT|SIGNATURE/.test(code))
      return "set NODE_EXTRA_CA_CERTS to the certificate of its authority";
  } else if (spec.traefik && spec.through === "url") {
    const { status, body } = found;
    // Traefik's own page; MLflow has another.
    if (status === 404 && body === "404 page not found")
      return [
        `Traefik has no router for ${host}: let its providers.${spec.traefik} see`,
        spec.traefik === "nomad"
          ? `this Nomad and namespace "${spec.nomad.namespace}",`
          : "the Consul of this Nomad,",
        `and name the entry point of port ${port || (protocol === "https:" ? 443 : 80)} in`,
        "traefik.entryPoints; Traefik's log tells what it can't use",
      ].join(" ");
    if (status === 401)
      return "it wants a login: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD";
    if (status === 403) return "let this machine in with traefik.ipAllowList";
    if (status === 502 || status === 504)
      return `Traefik can't reach the Nomad client: does its firewall let the machine behind ${hostname} in?`;
  }
  return "is the proxy running, and does it know the service?";
}
