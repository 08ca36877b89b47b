/** Models in a database of their own, beside runs in SQLite: a real PostgreSQL beside the lab. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bridgeAddress } from "../../lab/bridge.ts";
import { ensurePostgresql } from "../../lab/postgresql.ts";
import { stopServer } from "../../lab/servers.ts";
import { pidFile } from "../../lab/settings.ts";
import type { NomadJob } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, runningIds, settings, url, work } from "../deployed.ts";
import { expectNone, placesOfSecrets } from "../secret-places.ts";
import { databaseCertificate, makeDatabase, postgresqlUser, sql } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { type Authority, makeAuthority } from "../tls-front.ts";
import { basicLogins, expectLogins } from "./logins.ts";
import { expectDeployed, expectRefusal } from "./outcomes.ts";
import { type Logged, Tracking, until } from "./tracking.ts";

const late = isLate("models in a database of their own");

const tracking = new Tracking(url);

/** What a URI keeps for itself. */
const PASSWORD = "p@ss/w:rd#1%?[] $`";
let addresses: string[];
let authority: Authority;
let checkout: Checkout;
/** A model of the time when all models were with the runs. */
let before: Logged;
let logged: Logged;

beforeAll(async () => {
  if (late) return;
  addresses = ["127.0.0.1", await bridgeAddress(dockerHost)];
  authority = await makeAuthority();
  await ensurePostgresql(addresses, work);
  await makeDatabase("models", PASSWORD);
  await sql("CREATE DATABASE other OWNER models");
  setUri(PASSWORD);
  checkout = await Checkout.create("registry-store");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  if (late) return;
  await stopServer(settings, "postgresql");
});

function setUri(password: string, name = "models"): void {
  const server = `${addresses[1]}:${settings.ports.postgresql}`;
  process.env.E2E_MODELS = `postgresql://models:${encodeURIComponent(password)}@${server}/${name}`;
}

function configure(store = "", more = ""): void {
  checkout.configure(`
    storage: { registryStore: { type: "postgresql", uri: { env: "E2E_MODELS" }, ${store} } },
    ${more}`);
}

async function models(): Promise<number> {
  const asked = fetch(`${url}/api/2.0/mlflow/registered-models/search?max_results=1`, {
    signal: AbortSignal.timeout(60_000),
  });
  return asked.then(
    ({ status }) => status,
    () => 0,
  );
}

describe.skipIf(late)("a deploy with models in a database of their own", () => {
  it("is refused while the job has them with its runs, and changes nothing", async () => {
    checkout.configure("");
    await expectDeployed(checkout);
    before = await tracking.log(`with-runs-${Date.now()}`);
    configure();
    await expectRefusal(
      checkout,
      'error: storage.registryStore: the job "mlflow" keeps its models in backendStore, and would not see them with postgresql',
    );
    await tracking.expectThere(before);
  });

  it("ends with an MLflow that keeps models there and runs where they were, once that is meant", async () => {
    configure('replaces: "backendStore",');
    await expectDeployed(checkout);
    logged = await tracking.log(`apart-${Date.now()}`);
    await tracking.expectThere(logged);
    const ofModel = `SELECT count(*) FROM model_versions WHERE name = '${logged.model}'`;
    expect(await sql(ofModel, "models")).toBe("1");
    expect(await sql("SELECT count(*) FROM runs", "models")).toBe("0");
    configure();
    const { output } = await checkout.make("deploy");
    expect(output).toContain("Nothing to change: everything is as configured.");
  });

  it("leaves no URI where others read", async () => {
    const job = JSON.stringify(await nomad.get<NomadJob>("/job/mlflow"));
    expect(job).toContain("registryStore=postgresql");
    const places = await placesOfSecrets({ settings, nomad, dockerHost, checkout });
    expectNone(places, [PASSWORD, encodeURIComponent(PASSWORD), `${process.env.E2E_MODELS}`]);
  });

  it("with a wrong password, an empty database or too many connections is told in a line, and the server goes on", async () => {
    setUri("wrong");
    await expectRefusal(
      checkout,
      `error: PostgreSQL at ${addresses[1]}:${settings.ports.postgresql}, database models: password authentication failed for user "models"; correct user and password in storage.registryStore.uri`,
    );
    setUri(PASSWORD, "other");
    await expectRefusal(
      checkout,
      "found no models, while the job has its models in another database; correct storage.registryStore.uri",
    );
    setUri(PASSWORD);
    configure("connections: 9999,");
    await expectRefusal(
      checkout,
      "connections in, and storage.registryStore.connections is 9999; lower that",
    );
    configure();
    await tracking.expectThere(logged);
  });

  it("goes on with runs while that database is killed, and with models when it is back", async () => {
    const running = await runningIds();
    const { pid } = JSON.parse(readFileSync(pidFile(settings, "postgresql"), "utf8"));
    process.kill(pid, "SIGKILL");
    await until("models fail", 30, async () => (await models()) !== 200);
    expect(await tracking.search()).toBe(200);
    await ensurePostgresql(addresses, work);
    await until("models are answered", 60, async () => (await models()) === 200);
    expect(await runningIds()).toEqual(running);
    await tracking.expectThere(logged);
  });

  it("takes a changed password by another deploy", async () => {
    await sql("ALTER ROLE models PASSWORD 'another'");
    setUri("another");
    await expectDeployed(checkout);
    await tracking.expectThere(logged);
  });

  it("by TLS wants a certificate of the authority's for its name, and sends nothing without", async () => {
    configure(`caBundle: "${authority.certificate}",`);
    await expectRefusal(
      checkout,
      "turn TLS on there (ssl = on), or leave out storage.registryStore.caBundle",
    );
    const name = `IP:${addresses[1]}`;
    const tls = await databaseCertificate(name, authority, await postgresqlUser());
    await ensurePostgresql(addresses, work, tls);
    await expectDeployed(checkout);
    await tracking.expectThere(logged);
    const plain =
      "SELECT count(*), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'models'";
    expect(await sql(plain)).toMatch(/^[1-9]\d*\|0$/);
  });

  it("leaves MLflow's users with the runs", async () => {
    configure(`caBundle: "${authority.certificate}",`, basicLogins());
    await expectDeployed(checkout);
    await expectLogins(checkout, logged);
    expect(await sql("SELECT to_regclass('users') IS NULL", "models")).toBe("t");
    configure();
    await expectDeployed(checkout);
  });

  it("goes back to those with the runs, which are there, once that is meant", async () => {
    const back = (replaces = "") =>
      checkout.configure(`storage: { registryStore: { type: "backendStore", ${replaces} } }`);
    back();
    await expectRefusal(
      checkout,
      "keeps its models in postgresql, and would not see them with backendStore",
    );
    back('replaces: "postgresql",');
    await expectDeployed(checkout);
    await tracking.expectThere(before);
    await expect(tracking.expectThere(logged)).rejects.toThrow();
  });
});
