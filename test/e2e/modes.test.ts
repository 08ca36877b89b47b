/** Stores that are elsewhere: a real PostgreSQL and a real S3 server beside the lab. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bridgeAddress } from "../../lab/bridge.ts";
import { ensurePostgresql } from "../../lab/postgresql.ts";
import { stopServer } from "../../lab/servers.ts";
import { pidFile } from "../../lab/settings.ts";
import { ensureVersitygw, LAB_S3_ACCOUNT } from "../../lab/versitygw.ts";
import { Checkout } from "../checkout.ts";
import {
  dockerHost,
  nomad,
  runningAllocations,
  runningIds,
  settings,
  url,
  variables,
  work,
} from "../deployed.ts";
import { expectNone, placesOfSecrets } from "../secret-places.ts";
import { makeDatabase, sql } from "../stores.ts";
import { expectDeployed, expectRefusal } from "./outcomes.ts";
import { type Logged, Tracking, until } from "./tracking.ts";

const tracking = new Tracking(url);

/** What a URI keeps for itself, and what a shell, HCL and Terraform would read. */
const PASSWORD = "p@ss/w:rd#1%?[] $`{{x}}'\"";
const API_KEY = "api-key-${x}-%{y}-{{z}}";
let addresses: string[];
let database: string;
let checkout: Checkout;
let logged: Logged;

beforeAll(async () => {
  addresses = ["127.0.0.1", await bridgeAddress(dockerHost)];
  database = `${addresses[1]}:${settings.ports.postgresql}`;
  await ensurePostgresql(addresses, work);
  await ensureVersitygw(addresses, work);
  mkdirSync(join(settings.s3.dataDir, "mlflow"), { recursive: true });
  await makeDatabase("mlflow", PASSWORD);
  process.env.E2E_S3_KEY = LAB_S3_ACCOUNT.access;
  process.env.E2E_S3_SECRET = LAB_S3_ACCOUNT.secret;
  process.env.E2E_API_KEY = API_KEY;
  setUri(PASSWORD);
  checkout = await Checkout.create("modes");
  configure();
});

// The tests after these deploy from a state and a job of the embedded homelab's own kind.
afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopServer(settings, "postgresql");
  await stopServer(settings, "versitygw");
});

function setUri(password: string, name = "mlflow"): void {
  process.env.E2E_DB = `postgresql://mlflow:${encodeURIComponent(password).replaceAll("'", "%27")}@${database}/${name}`;
}

/** The config of these tests: PostgreSQL and S3, with something changed. */
function configure(change: { bucket?: string; connections?: number; more?: string } = {}): void {
  const { bucket = "mlflow", connections = 40, more = "" } = change;
  checkout.configure(`
    storage: {
      backendStore: { type: "postgresql", uri: { env: "E2E_DB" }, connections: ${connections} },
      artifacts: {
        type: "s3",
        bucket: "${bucket}",
        endpoint: "http://${addresses[1]}:${settings.ports.s3}",
        credentials: { accessKeyId: { env: "E2E_S3_KEY" }, secretAccessKey: { env: "E2E_S3_SECRET" } },
      },
    },
    volumes: {},
    job: {},
    server: { secrets: { E2E_API_KEY: { env: "E2E_API_KEY" } } },
    ${more}`);
}

/** Deploys, which has to be refused with these words and to leave what was logged. */
async function expectHarmless(...words: string[]): Promise<string> {
  const output = await expectRefusal(checkout, ...words);
  await tracking.expectThere(logged);
  return output;
}

describe("a deploy to PostgreSQL and S3", () => {
  it("is refused while a job has its runs in SQLite, and changes nothing", async () => {
    checkout.configure("");
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    configure();
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("keeps its runs in sqlite, and would not see them with postgresql");
    expect(output).toContain('set storage.artifacts.replaces to "volume"');
    expect(exitCode).not.toBe(0);
    expect(await tracking.search()).toBe(200);
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
  });

  it("ends with an MLflow that keeps runs in the one and artifacts in the other", async () => {
    await expectDeployed(checkout);
    logged = await tracking.log("modes");
    await tracking.expectThere(logged);
    expect(await sql("SELECT count(*) FROM runs", "mlflow")).toBe("1");
    const stored = readdirSync(join(settings.s3.dataDir, "mlflow"), { recursive: true });
    expect(stored.join("\n")).toContain(`${logged.run}/artifacts/model/weights.bin`);
    expect(logged.artifacts).toMatch(/^mlflow-artifacts:/);
  });

  it("again changes nothing and says so", async () => {
    const before = await runningIds();
    const { output } = await checkout.make("deploy");
    expect(output).toContain("Nothing to change: everything is as configured.");
    expect(await runningIds()).toEqual(before);
  });

  it("leaves no secret where others read: state, configuration, jobspec, docker inspect, processes, logs", async () => {
    const places = await placesOfSecrets({ settings, nomad, dockerHost, checkout });
    expectNone(places, [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      "p%40ss",
      LAB_S3_ACCOUNT.secret,
      API_KEY,
      "api-key-",
    ]);
  });

  it("gives the server its secrets as they are", async () => {
    const [allocation] = await runningAllocations();
    const read = "tr '\\0' '\\n' < /proc/1/environ";
    const { stdout } = await execa(
      "docker",
      ["exec", `mlflow_app-${allocation?.ID}`, "sh", "-c", read],
      {
        env: { DOCKER_HOST: dockerHost },
      },
    );
    expect(stdout).toContain(`E2E_API_KEY=${API_KEY}\n`);
  });
});

describe("a deploy that can't work is told in a line, and the server goes on", () => {
  it("with a wrong password", async () => {
    setUri("wrong");
    const output = await expectHarmless(
      `error: PostgreSQL at ${database}, database mlflow: password authentication failed for user "mlflow"; correct user and password in storage.backendStore.uri`,
    );
    expect(output).not.toContain(":wrong");
    setUri(PASSWORD);
  });

  it("with a password whose characters are not escaped", async () => {
    process.env.E2E_DB = `postgresql://mlflow:p@ss/word@${database}/mlflow`;
    await expectHarmless("error: storage.backendStore.uri: its user or password holds characters");
    setUri(PASSWORD);
  });

  it("without a secret", async () => {
    delete process.env.E2E_S3_SECRET;
    process.env.E2E_API_KEY = " ";
    await expectHarmless(
      "error: storage.artifacts.credentials.secretAccessKey: the environment variable E2E_S3_SECRET is not set",
      "error: server.secrets.E2E_API_KEY: the environment variable E2E_API_KEY is empty",
    );
    process.env.E2E_S3_SECRET = LAB_S3_ACCOUNT.secret;
    process.env.E2E_API_KEY = API_KEY;
  });

  it("with the schema of a newer MLflow, and of an older one", async () => {
    const current = await sql("SELECT version_num FROM alembic_version", "mlflow");
    // Another number of connections makes the deploy look again.
    configure({ connections: 41 });
    await sql("UPDATE alembic_version SET version_num = 'ffffffffffff'", "mlflow");
    const newer = await checkout.make("deploy");
    await sql("UPDATE alembic_version SET version_num = '451aebb31d03'", "mlflow");
    const older = await checkout.make("deploy");
    await sql(`UPDATE alembic_version SET version_num = '${current}'`, "mlflow");
    expect(newer.output).toContain("its schema ffffffffffff is unknown to this MLflow");
    expect(older.output).toContain(`its schema 451aebb31d03 is older than MLflow's ${current}`);
    configure();
    await tracking.expectThere(logged);
  });

  it("with an empty database, a missing one, and more connections than it lets in", async () => {
    await sql("CREATE DATABASE empty OWNER mlflow");
    setUri(PASSWORD, "empty");
    await expectHarmless("database empty: found no runs, while the job has its runs in another");
    await sql("DROP DATABASE empty WITH (FORCE)");
    setUri(PASSWORD, "nowhere");
    await expectHarmless('database "nowhere" does not exist; make the database');
    setUri(PASSWORD);
    configure({ connections: 9999 });
    await expectHarmless("it lets 97 connections in, and storage.backendStore.connections is 9999");
    configure();
  });

  it("with another bucket, which is not there, and with wrong credentials", async () => {
    const replaces = `http://${addresses[1]}:${settings.ports.s3}/mlflow/artifacts`;
    configure({ bucket: "nowhere" });
    await expectHarmless(`keeps its artifacts in ${replaces}`);
    checkout.write(
      "homelab.config.ts",
      checkout
        .read("homelab.config.ts")
        .replace('type: "s3",', `type: "s3", replaces: "${replaces}",`),
    );
    await expectHarmless("bucket nowhere: The specified bucket does not exist");
    configure();
    process.env.E2E_S3_SECRET = "wrong";
    await expectHarmless("(SignatureDoesNotMatch); correct storage.artifacts.credentials");
    process.env.E2E_S3_SECRET = LAB_S3_ACCOUNT.secret;
  });

  it("and the right one after all that goes through", async () => {
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("MLflow");
    expect(exitCode).toBe(0);
    await tracking.expectThere(logged);
  });
});

describe("the server on PostgreSQL and S3", () => {
  it("starts anew with a secret that has changed", async () => {
    const before = await runningAllocations();
    process.env.E2E_API_KEY = "another-api-key";
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    const [after] = await runningAllocations();
    expect(after?.ID).not.toBe(before[0]?.ID);
    const read = "tr '\\0' '\\n' < /proc/1/environ";
    const { stdout } = await execa(
      "docker",
      ["exec", `mlflow_app-${after?.ID}`, "sh", "-c", read],
      {
        env: { DOCKER_HOST: dockerHost },
      },
    );
    expect(stdout).toContain("E2E_API_KEY=another-api-key\n");
    await tracking.expectThere(logged);
  });

  it("goes on by itself when PostgreSQL is killed and comes back", async () => {
    const before = await runningIds();
    const { pid } = JSON.parse(readFileSync(pidFile(settings, "postgresql"), "utf8"));
    process.kill(pid, "SIGKILL");
    await until("requests fail", 30, async () => (await tracking.search()) !== 200);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await ensurePostgresql(addresses, work);
    await until("requests are answered", 60, async () => (await tracking.search()) === 200);
    expect(await runningIds()).toEqual(before);
    await tracking.expectThere(logged);
  });

  it("becomes two servers, which a change replaces without a request that fails", async () => {
    configure({ more: "job: { count: 2 }," });
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await until("two servers run", 60, async () => (await runningAllocations()).length === 2);
    // The one that was alone is forgotten by Traefik, and ends.
    await sleep(25_000);
    let asking = true;
    const answers: Record<string, number> = {};
    const asked = (async () => {
      while (asking) {
        const status = await tracking.search();
        answers[status] = (answers[status] ?? 0) + 1;
      }
    })();
    configure({ more: "job: { count: 2, priority: 51 }, resources: { cpu: 210 }," });
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await sleep(25_000);
    asking = false;
    await asked;
    expect(Object.keys(answers)).toEqual(["200"]);
    expect(answers[200]).toBeGreaterThan(100);
    await tracking.expectThere(logged);
  });

  it("is gone after a destroy with its secrets, and its data is not", async () => {
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    expect(await nomad.get("/var/nomad/jobs/mlflow/svc/mlflow_app")).toBeUndefined();
    expect(await variables()).toEqual([]);
    configure();
    expect((await checkout.make("deploy")).exitCode).toBe(0);
    await tracking.expectThere(logged);
  });
});
