/** A MySQL that is there already, which is a MariaDB here, and a PostgreSQL by TLS: real servers beside the lab. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bridgeAddress } from "../../lab/bridge.ts";
import { ensureMariadb, LAB_MARIADB_USER } from "../../lab/mariadb.ts";
import { ensurePostgresql } from "../../lab/postgresql.ts";
import { stopServer } from "../../lab/servers.ts";
import { pidFile } from "../../lab/settings.ts";
import type { NomadJob } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, runningIds, settings, url, work } from "../deployed.ts";
import { databaseCertificate, makeDatabase, mariadb, postgresqlUser, sql } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { type Authority, makeAuthority } from "../tls-front.ts";
import { basicLogins, expectLogins } from "./logins.ts";
import { expectDeployed, expectRefusal } from "./outcomes.ts";
import { type Logged, Tracking, until } from "./tracking.ts";

const late = isLate("MySQL and TLS to databases");

const tracking = new Tracking(url);

/** What a URI keeps for itself. */
const PASSWORD = "p@ss/w:rd#1%?[] $`";
/** Connections of MLflow's, and how many of them are without TLS. */
const PLAIN =
  "SELECT count(*), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'mlflow'";
let authority: Authority;
let addresses: string[];
let checkout: Checkout;
let logged: Logged;

beforeAll(async () => {
  addresses = ["127.0.0.1", await bridgeAddress(dockerHost)];
  authority = await makeAuthority();
  checkout = await Checkout.create("databases-of-yours");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
});

// The tests after these deploy from a state and a job of the embedded homelab's own kind.
afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopServer(settings, "mariadb");
  await stopServer(settings, "postgresql");
});

/** The config of a test: a database, and more of its store. */
function configure(type: "mysql" | "postgresql", store = "", more = ""): void {
  checkout.configure(`
    storage: { backendStore: { type: "${type}", uri: { env: "E2E_DB" }, ${store} } },
    volumes: { artifacts: embedded.volumes.artifacts },
    job: { healthyDeadline: 600 },
    ${more}`);
}

function setUri(type: "mysql" | "postgresql", password: string, name = "mlflow"): void {
  const port = type === "mysql" ? settings.ports.mariadb : settings.ports.postgresql;
  process.env.E2E_DB = `${type}://mlflow:${encodeURIComponent(password)}@${addresses[1]}:${port}/${name}`;
}

describe.skipIf(late)("a deploy to a MySQL", () => {
  beforeAll(async () => {
    await ensureMariadb({ addresses }, work);
    await mariadb(`CREATE OR REPLACE DATABASE mlflow CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
      CREATE OR REPLACE USER mlflow@'%' IDENTIFIED BY '${PASSWORD}'; GRANT ALL ON mlflow.* TO mlflow@'%';
      CREATE OR REPLACE DATABASE narrow CHARACTER SET latin1; GRANT ALL ON narrow.* TO mlflow@'%';
      CREATE OR REPLACE DATABASE closed;`);
    setUri("mysql", PASSWORD);
    configure("mysql");
  });

  it("ends with an MLflow that keeps its runs there", async () => {
    await expectDeployed(checkout);
    logged = await tracking.log("mysql");
    await tracking.expectThere(logged);
    expect(await mariadb("SELECT count(*) FROM mlflow.runs")).toBe("1");
  });

  it("leaves no URI in the job, nor in Terraform's state", async () => {
    const job = JSON.stringify(await nomad.get<NomadJob>("/job/mlflow"));
    expect(job).toContain("backendStore=mysql");
    for (const text of [job, readFileSync(settings.terraform.stateFile, "utf8")])
      for (const form of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(text).not.toContain(form);
  });

  it("with a wrong password, or another database, is told in a line, and the server goes on", async () => {
    setUri("mysql", "wrong");
    await expectRefusal(
      checkout,
      `error: MySQL at ${addresses[1]}:${settings.ports.mariadb}, database mlflow: Access denied for user 'mlflow'@`,
      "correct user and password in storage.backendStore.uri",
    );
    setUri("mysql", PASSWORD, "nowhere");
    await expectRefusal(
      checkout,
      "Access denied for user 'mlflow'@'%' to database 'nowhere'; let the user",
    );
    setUri("mysql", PASSWORD, "narrow");
    await expectRefusal(checkout, "found the character set latin1, expected utf8mb4");
    process.env.E2E_DB = `mysql://mlflow:p@ss@${addresses[1]}/mlflow`;
    await expectRefusal(
      checkout,
      "error: storage.backendStore.uri: its user or password holds characters",
    );
    setUri("mysql", PASSWORD);
    await tracking.expectThere(logged);
  });

  it("with more connections than it lets in, or the schema of another MLflow, as well", async () => {
    configure("mysql", "connections: 9999,");
    await expectRefusal(
      checkout,
      "it lets 151 connections in, and storage.backendStore.connections is 9999",
    );
    configure("mysql", "connections: 41,");
    const current = await mariadb("SELECT version_num FROM mlflow.alembic_version");
    await mariadb("UPDATE mlflow.alembic_version SET version_num = '451aebb31d03'");
    await expectRefusal(checkout, `its schema 451aebb31d03 is older than MLflow's ${current}`);
    await mariadb(`UPDATE mlflow.alembic_version SET version_num = '${current}'`);
    await tracking.expectThere(logged);
  });

  it("goes on by itself when it is killed and comes back", async () => {
    const before = await runningIds();
    const { pid } = JSON.parse(readFileSync(pidFile(settings, "mariadb"), "utf8"));
    process.kill(pid, "SIGKILL");
    await until("requests fail", 30, async () => (await tracking.search()) !== 200);
    await ensureMariadb({ addresses }, work);
    await until("requests are answered", 60, async () => (await tracking.search()) === 200);
    expect(await runningIds()).toEqual(before);
    await tracking.expectThere(logged);
  });

  it("by TLS wants a server that offers it, with the authority's certificate for its name", async () => {
    const caBundle = `caBundle: "${authority.certificate}",`;
    configure("mysql", caBundle);
    await expectRefusal(checkout, "turn TLS on there");
    const other = await databaseCertificate("DNS:db.lan", authority, LAB_MARIADB_USER);
    await ensureMariadb({ addresses, tls: other }, work);
    await expectRefusal(checkout, "write the certificate's name into storage.backendStore.uri");
    const unknown = await databaseCertificate(
      `IP:${addresses[1]}`,
      await makeAuthority(),
      LAB_MARIADB_USER,
    );
    await ensureMariadb({ addresses, tls: unknown }, work);
    await expectRefusal(
      checkout,
      "correct storage.backendStore.caBundle, or renew the certificate",
    );
    const right = await databaseCertificate(`IP:${addresses[1]}`, authority, LAB_MARIADB_USER);
    await ensureMariadb({ addresses, tls: right }, work);
    await mariadb("ALTER USER mlflow@'%' REQUIRE SSL");
    await expectDeployed(checkout);
    await tracking.expectThere(logged);
  });

  it("keeps MLflow's users there as well, by TLS", async () => {
    configure("mysql", `caBundle: "${authority.certificate}",`, basicLogins());
    await expectDeployed(checkout);
    await expectLogins(checkout, logged);
    expect(await mariadb("SELECT username FROM mlflow.users ORDER BY 1")).toBe("ada\nadmin");
    expect(await mariadb("SELECT count(*) FROM mlflow.alembic_version_auth")).toBe("1");
    // Not by a change: the old server, which wants a login, is still asked for a moment.
    await checkout.make("destroy", "YES=1");
    configure("mysql", `caBundle: "${authority.certificate}",`);
    await expectDeployed(checkout);
    await tracking.expectThere(logged);
  });
});

describe.skipIf(late)("a deploy to a PostgreSQL by TLS", () => {
  it("is refused while the job has its runs in MySQL", async () => {
    await ensurePostgresql(addresses, work);
    await makeDatabase("mlflow", PASSWORD);
    setUri("postgresql", PASSWORD);
    configure("postgresql");
    await expectRefusal(
      checkout,
      "keeps its runs in mysql, and would not see them with postgresql",
    );
  });

  it("wants a server that offers it, with the authority's certificate for its name", async () => {
    const user = await postgresqlUser();
    configure("postgresql", `replaces: "mysql", caBundle: "${authority.certificate}",`);
    await expectRefusal(
      checkout,
      "server does not support SSL, but SSL was required; turn TLS on there",
    );
    const other = await databaseCertificate("DNS:db.lan", authority, user);
    await ensurePostgresql(addresses, work, other);
    await expectRefusal(
      checkout,
      `does not match host name "${addresses[1]}"; write the certificate's name into storage.backendStore.uri`,
    );
    const unknown = await databaseCertificate(`IP:${addresses[1]}`, await makeAuthority(), user);
    await ensurePostgresql(addresses, work, unknown);
    await expectRefusal(
      checkout,
      "certificate verify failed; correct storage.backendStore.caBundle",
    );
  });

  it("keeps what it sends to itself once the certificate is right", async () => {
    const right = await databaseCertificate(
      `IP:${addresses[1]}`,
      authority,
      await postgresqlUser(),
    );
    await ensurePostgresql(addresses, work, right);
    await expectDeployed(checkout);
    logged = await tracking.log("tls");
    await tracking.expectThere(logged);
    expect(await sql(PLAIN)).toMatch(/^[1-9]\d*\|0$/);
  });

  it("keeps MLflow's users there as well, by TLS", async () => {
    configure("postgresql", `caBundle: "${authority.certificate}",`, basicLogins());
    await expectDeployed(checkout);
    await expectLogins(checkout, logged);
    expect(await sql("SELECT username FROM users ORDER BY 1", "mlflow")).toBe("ada\nadmin");
    expect(await sql(PLAIN)).toMatch(/^[1-9]\d*\|0$/);
  });

  it("is refused with options in the URI that would weaken it", async () => {
    process.env.E2E_DB = `${process.env.E2E_DB}?sslmode=disable`;
    await expectRefusal(
      checkout,
      "found the option sslmode, which storage.backendStore.caBundle sets",
    );
  });
});
