/** A PostgreSQL that the deploy runs, on the lab. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONTAINERS_NETWORK } from "../../lab/nomad-client.ts";
import { ensurePostgresqlImage, LAB_POSTGRESQL_MAJOR } from "../../lab/postgresql-image.ts";
import type { NomadAllocation, NomadJob } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, nomadBinary, settings, url, variables, work } from "../deployed.ts";
import { isLate } from "../time-left.ts";
import { type Logged, Tracking, until } from "./tracking.ts";

const late = isLate("a PostgreSQL that the deploy runs");

const docker = { env: { DOCKER_HOST: dockerHost } };
const tracking = new Tracking(url);
const data = join(settings.volumes.backendStore, "postgresql");

const DATABASE = "mlflow-postgresql";
/** What a URI keeps for itself, and what a shell, SQL, HCL and Terraform would read. */
const PASSWORD = "p@ss/w:rd#1%?[] $`{{x}}'\"\\";
let image: string;
let checkout: Checkout;
let logged: Logged;

beforeAll(async () => {
  image = await ensurePostgresqlImage(docker.env.DOCKER_HOST, work);
  process.env.E2E_DB_PASSWORD = PASSWORD;
  checkout = await Checkout.create("databases");
  configure();
});

// The tests after these deploy from a state and a job of the embedded homelab's own kind.
afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
});

/** The config of these tests, with something changed. */
function configure(store = "", more = ""): void {
  checkout.configure(`
    storage: {
      backendStore: {
        type: "managed-postgresql",
        password: { env: "E2E_DB_PASSWORD" },
        image: "${image}",
        port: ${settings.ports.managedPostgresql},
        hostNetwork: "${CONTAINERS_NETWORK}",
        ${store}
      },
    },
    job: {},
    ${more}`);
}

async function expectDeployed(): Promise<string> {
  const { output, exitCode } = await checkout.make("deploy");
  expect(output).toContain("MLflow is up, and was checked from outside.");
  expect(exitCode).toBe(0);
  return output;
}

async function running(job: string): Promise<NomadAllocation> {
  const all = (await nomad.get<NomadAllocation[]>(`/job/${job}/allocations`)) ?? [];
  const found = all.filter(
    (each) => each.ClientStatus === "running" && each.DesiredStatus === "run",
  );
  expect(found).toHaveLength(1);
  return found[0] as NomadAllocation;
}

/** When its task was started: another time after each restart. */
async function startOf(job: string): Promise<string> {
  const states = Object.values((await running(job)).TaskStates ?? {});
  return String(states[0]?.StartedAt);
}

async function container(): Promise<string> {
  return `postgresql-${(await running(DATABASE)).ID}`;
}

async function sql(command: string): Promise<string> {
  const psql = ["psql", "-U", "postgres", "-d", "mlflow", "-qAt", "-c", command];
  return (await execa("docker", ["exec", await container(), ...psql], docker)).stdout;
}

/** As docs/modes.md has it. */
async function allocExec(input: Buffer | undefined, ...command: string[]): Promise<Buffer> {
  const options = [
    `-i=${input !== undefined}`,
    "-t=false",
    "-task",
    "postgresql",
    "-job",
    DATABASE,
  ];
  const run = ["alloc", "exec", ...options, ...command];
  const { stdout } = await execa(nomadBinary, run, {
    env: { NOMAD_ADDR: nomad.address },
    encoding: "buffer",
    ...(input ? { input } : {}),
  });
  return Buffer.from(stdout);
}

describe.skipIf(late)("a deploy that runs its PostgreSQL", () => {
  it("is refused while a job has its runs in SQLite, and changes nothing", async () => {
    checkout.configure("job: {},");
    await expectDeployed();
    configure();
    const { output, exitCode } = await checkout.make("deploy");
    expect(output).toContain("and would not see them with managed-postgresql");
    expect(exitCode).not.toBe(0);
    expect(await tracking.search()).toBe(200);
    expect(await nomad.get(`/job/${DATABASE}`)).toBeUndefined();
  });

  it("ends with an MLflow that keeps its runs there, once that is meant", async () => {
    configure('replaces: "sqlite",');
    await expectDeployed();
    logged = await tracking.log("databases");
    await tracking.expectThere(logged);
    expect(await sql(`SELECT count(*) FROM runs WHERE run_uuid = '${logged.run}'`)).toBe("1");
    expect(existsSync(join(settings.volumes.backendStore, "mlflow.db"))).toBe(true);
    configure();
  });

  it("again changes nothing and says so", async () => {
    const before = [await startOf("mlflow"), await startOf(DATABASE)];
    const { output } = await checkout.make("deploy");
    expect(output).toContain("Nothing to change: everything is as configured.");
    expect([await startOf("mlflow"), await startOf(DATABASE)]).toEqual(before);
  });

  it("leaves no password where others read: state, configuration, jobspecs, docker inspect, processes, logs", async () => {
    const jobs = await Promise.all(
      ["mlflow", DATABASE].flatMap((job) => [
        nomad.get<NomadJob>(`/job/${job}`),
        nomad.get(`/job/${job}/versions`),
        nomad.get(`/job/${job}/allocations`),
      ]),
    );
    const containers = (await execa("docker", ["ps", "--all", "--quiet"], docker)).stdout;
    const places: Record<string, string> = {
      "the jobs": JSON.stringify(jobs),
      "docker inspect": (await execa("docker", ["inspect", ...containers.split("\n")], docker))
        .stdout,
      processes: (await execa("ps", ["-eww", "-o", "args"])).stdout,
      "what PostgreSQL says": await logOf(DATABASE, "postgresql"),
      "what the server says": await logOf("mlflow", "mlflow_app"),
      "Terraform's state": readFileSync(settings.terraform.stateFile, "utf8"),
      ...files(join(checkout.directory, "cdktf.out")),
      ...files(join(checkout.directory, "ansible", "generated")),
      ...files(settings.logDir),
      ...files(settings.nomad.registrationDir),
    };
    expect(places["the jobs"]).toContain("nomad/jobs/mlflow-postgresql/svc/postgresql");
    expect(places["what PostgreSQL says"]).toContain("ready to accept connections");
    for (const [place, text] of Object.entries(places))
      for (const form of [
        PASSWORD,
        JSON.stringify(PASSWORD).slice(1, -1),
        encodeURIComponent(PASSWORD),
        PASSWORD.replaceAll("'", "''"),
        "p@ss/w",
        "p%40ss",
        Buffer.from(PASSWORD).toString("base64"),
      ])
        expect(text.includes(form), `${place} holds ${form}`).toBe(false);
  });
});

describe.skipIf(late)("the PostgreSQL of a deploy", () => {
  it("lets in the server's user alone over the network, which is no superuser", async () => {
    expect(await sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'mlflow'")).toBe("f");
    expect(
      await sql("SELECT count(*) FROM pg_authid WHERE rolsuper AND rolpassword IS NOT NULL"),
    ).toBe("0");
    expect(await sql("SHOW max_connections")).toBe("50");
  });

  it("is not restarted by a change of the server", async () => {
    const before = [await startOf("mlflow"), await startOf(DATABASE)];
    configure("", 'server: { env: { E2E: "changed" } },');
    await expectDeployed();
    expect(await startOf("mlflow")).not.toBe(before[0]);
    expect(await startOf(DATABASE)).toBe(before[1]);
    await tracking.expectThere(logged);
  });

  it("is killed and comes back, and the server goes on by itself", async () => {
    const before = [await startOf("mlflow"), await startOf(DATABASE)];
    await execa("docker", ["kill", "--signal=KILL", await container()], docker);
    await until("requests fail", 30, async () => (await tracking.search()) !== 200);
    await until("requests are answered", 90, async () => (await tracking.search()) === 200);
    expect(await startOf("mlflow")).toBe(before[0]);
    expect(await startOf(DATABASE)).not.toBe(before[1]);
    await tracking.expectThere(logged);
  });

  it("gets another password, and the server with it", async () => {
    process.env.E2E_DB_PASSWORD = "another";
    await expectDeployed();
    await tracking.expectThere(logged);
    process.env.E2E_DB_PASSWORD = PASSWORD;
    await expectDeployed();
    await tracking.expectThere(logged);
  });

  it("is not ended for an image of another major version", async () => {
    const before = await startOf(DATABASE);
    const other = "homelab-mlflow-postgresql:other";
    await execa("docker", ["tag", image, other], docker);
    const version = join(data, "PG_VERSION");
    writeFileSync(version, "14\n");
    checkout.write("homelab.config.ts", checkout.read("homelab.config.ts").replace(image, other));
    const { output, exitCode } = await checkout.make("deploy");
    writeFileSync(version, `${LAB_POSTGRESQL_MAJOR}\n`);
    expect(output).toContain(
      `error: PostgreSQL: the volume holds data of PostgreSQL 14, and storage.backendStore.image has ${LAB_POSTGRESQL_MAJOR}; keep an image of 14`,
    );
    expect(exitCode).not.toBe(0);
    expect(await startOf(DATABASE)).toBe(before);
    await tracking.expectThere(logged);
  });

  it("is not ended for an image that can't be had, nor for a volume without a database", async () => {
    const before = await startOf(DATABASE);
    configure();
    const config = checkout.read("homelab.config.ts");
    checkout.write("homelab.config.ts", config.replace(image, "127.0.0.1:1/postgres:16"));
    const missing = await checkout.make("deploy");
    expect(missing.output).toContain("the look at PostgreSQL's volume failed");
    expect(missing.output).toContain("127.0.0.1:1/postgres:16");
    const empty = join(settings.dir, "volumes", "empty");
    configure(
      "",
      `volumes: { ...embedded.volumes, backendStore: { source: { directory: "${empty}" } } },`,
    );
    const elsewhere = await checkout.make("deploy");
    expect(elsewhere.output).toContain(
      "error: PostgreSQL: found no database on the volume, while the job has one on another",
    );
    expect(await startOf(DATABASE)).toBe(before);
    configure();
    await checkout.make("deploy");
    expect(await startOf(DATABASE)).toBe(before);
    await tracking.expectThere(logged);
  });

  it("never works on a directory on which another one does", async () => {
    const run = await execa(
      "docker",
      [
        ...["run", "--rm", "--user", "1000:1000", "--network", "none", "--env", "PGHOST=/tmp"],
        ...["--env", "HOMELAB_VOLUME=/mnt/backend_store=mlflow-backend-store"],
        ...["--volume", `${settings.volumes.backendStore}:/mnt/backend_store`],
        ...["--volume", `${join(checkout.directory, "postgresql", "start.sh")}:/start.sh:ro`],
        ...["--entrypoint", "sh", image, "/start.sh"],
      ],
      { ...docker, reject: false },
    );
    expect(run.stderr).toContain(
      "PostgreSQL: another PostgreSQL still works on /mnt/backend_store/postgresql; end it",
    );
    expect(run.exitCode).toBe(1);
    await tracking.expectThere(logged);
  });

  it("is backed up and put back by the commands of docs/modes.md", async () => {
    const dump = await allocExec(undefined, "pg_dump", "-U", "mlflow", "--format=custom", "mlflow");
    await sql("DELETE FROM metrics; DELETE FROM latest_metrics; DELETE FROM params");
    await expect(tracking.expectThere(logged)).rejects.toThrow();
    const restore = ["--clean", "--if-exists", "--single-transaction", "-d", "mlflow"];
    await allocExec(dump, "pg_restore", "-U", "mlflow", ...restore);
    await tracking.expectThere(logged);
  });

  it("is gone after a destroy with its secrets, and its data is not", async () => {
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    expect(await nomad.get(`/job/${DATABASE}`)).toBeUndefined();
    expect(await variables()).toEqual([]);
    await expectDeployed();
    await tracking.expectThere(logged);
  });
});

async function logOf(job: string, task: string): Promise<string> {
  const { ID } = await running(job);
  const read = (type: string) =>
    nomad.getText(`/client/fs/logs/${ID}`, { task, type, plain: "true" });
  return `${await read("stdout")}${await read("stderr")}`;
}

/** The contents of all files below a folder, by their paths. */
function files(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return Object.fromEntries(found.map((path) => [path, readFileSync(path, "utf8")]));
}
