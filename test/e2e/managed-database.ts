/** The tests of a database that the deploy runs, on the lab: the same for each kind. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { DATABASES, type DatabaseKind } from "../../database/kinds.ts";
import { ensureDatabaseImage, LAB_DATABASE_SERIES } from "../../lab/database-image.ts";
import { CONTAINERS_NETWORK } from "../../lab/nomad-client.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import { Checkout } from "../checkout.ts";
import {
  dockerHost,
  nomad,
  nomadBinary,
  runningAllocations,
  settings,
  url,
  variables,
  work,
} from "../deployed.ts";
import { expectNone, placesOfSecrets } from "../secret-places.ts";
import { isLate } from "../time-left.ts";
import { basicLogins, expectLogins, LOGIN_SECRETS } from "./logins.ts";
import { PROGRAMS } from "./managed-programs.ts";
import { expectDeployed } from "./outcomes.ts";
import { type Logged, Tracking, until } from "./tracking.ts";

/** What a URI keeps for itself, and what a shell, SQL, HCL and Terraform would read. */
const PASSWORD = "p@ss/w:rd#1%?[] $`{{x}}'\"\\";

export function testManagedDatabase(kind: DatabaseKind): void {
  const { title } = DATABASES[kind];
  const programs = PROGRAMS[kind];
  const series = LAB_DATABASE_SERIES[kind];
  const database = `mlflow-${kind}`;
  const late = isLate(`a ${title} that the deploy runs`);
  const docker = { env: { DOCKER_HOST: dockerHost } };
  const tracking = new Tracking(url);
  const data = join(settings.volumes.backendStore, kind);
  let image: string;
  let checkout: Checkout;
  let logged: Logged;

  beforeAll(async () => {
    if (late) return;
    image = await ensureDatabaseImage(kind, dockerHost, work);
    process.env.E2E_DB_PASSWORD = PASSWORD;
    checkout = await Checkout.create(database);
    // What the file before has left would have to be replaced.
    await checkout.make("destroy", "YES=1");
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
          type: "managed-${kind}",
          password: { env: "E2E_DB_PASSWORD" },
          image: "${image}",
          port: ${settings.ports.managedDatabase},
          hostNetwork: "${CONTAINERS_NETWORK}",
          ${store}
        },
      },
      job: { healthyDeadline: 600 },
      ${more}`);
  }

  async function running(job: string): Promise<NomadAllocation> {
    const found = await runningAllocations(job);
    expect(found).toHaveLength(1);
    return found[0] as NomadAllocation;
  }

  /** When its task was started: another time after each restart. */
  async function startOf(job: string): Promise<string> {
    const states = Object.values((await running(job)).TaskStates ?? {});
    return String(states[0]?.StartedAt);
  }

  async function container(): Promise<string> {
    return `${kind}-${(await running(database)).ID}`;
  }

  async function sql(command: string): Promise<string> {
    return (await execa("docker", ["exec", await container(), ...programs.sql(command)], docker))
      .stdout;
  }

  /** As docs/modes.md has it. */
  async function allocExec(input: Buffer | undefined, command: readonly string[]): Promise<Buffer> {
    const where = ["-task", kind, "-job", database];
    const run = ["alloc", "exec", `-i=${input !== undefined}`, "-t=false", ...where, ...command];
    const { stdout } = await execa(nomadBinary, run, {
      env: { NOMAD_ADDR: nomad.address },
      encoding: "buffer",
      ...(input ? { input } : {}),
    });
    return Buffer.from(stdout);
  }

  async function logOf(job: string, task: string): Promise<string> {
    const { ID } = await running(job);
    const read = (type: string) =>
      nomad.getText(`/client/fs/logs/${ID}`, { task, type, plain: "true" });
    return `${await read("stdout")}${await read("stderr")}`;
  }

  async function makeExperiment(name: string): Promise<number> {
    const made = await fetch(`${url}/api/2.0/mlflow/experiments/create`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    return made.status;
  }

  describe.skipIf(late)(`a deploy that runs its ${title}`, () => {
    it("is refused while a job has its runs in SQLite, and changes nothing", async () => {
      checkout.configure("job: {},");
      await expectDeployed(checkout);
      configure();
      const { output, exitCode } = await checkout.make("deploy");
      expect(output).toContain(`and would not see them with managed-${kind}`);
      expect(exitCode).not.toBe(0);
      expect(await tracking.search()).toBe(200);
      expect(await nomad.get(`/job/${database}`)).toBeUndefined();
    });

    it("ends with an MLflow that keeps its runs there, once that is meant", async () => {
      configure('replaces: "sqlite",');
      await expectDeployed(checkout);
      logged = await tracking.log(database);
      await tracking.expectThere(logged);
      expect(await sql(`SELECT count(*) FROM runs WHERE run_uuid = '${logged.run}'`)).toBe("1");
      expect(existsSync(join(settings.volumes.backendStore, "mlflow.db"))).toBe(true);
      expect(existsSync(data)).toBe(true);
      configure();
    });

    it("again changes nothing and says so", async () => {
      const before = [await startOf("mlflow"), await startOf(database)];
      const { output } = await checkout.make("deploy");
      expect(output).toContain("Nothing to change: everything is as configured.");
      expect([await startOf("mlflow"), await startOf(database)]).toEqual(before);
    });

    it("leaves no password where others read: state, configuration, jobspecs, docker inspect, processes, logs", async () => {
      const ofDatabase = await Promise.all(
        [`/job/${database}`, `/job/${database}/versions`, `/job/${database}/allocations`].map(
          (each) => nomad.get(each),
        ),
      );
      const places: Record<string, string> = {
        ...(await placesOfSecrets({ settings, nomad, dockerHost, checkout })),
        "the database's job": JSON.stringify(ofDatabase),
        "what the database says": await logOf(database, kind),
      };
      expect(places["the database's job"]).toContain(`nomad/jobs/${database}/svc/${kind}`);
      expect(places["what the database says"]).toContain(programs.ready);
      expectNone(places, [
        PASSWORD,
        encodeURIComponent(PASSWORD),
        PASSWORD.replaceAll("'", "''"),
        "p@ss/w",
        "p%40ss",
        Buffer.from(PASSWORD).toString("hex"),
      ]);
    });
  });

  describe.skipIf(late)(`the ${title} of a deploy`, () => {
    it("lets in the server's user alone over the network, which is no superuser", async () => {
      for (const [query, told] of programs.rights) expect(await sql(query), query).toBe(told);
    });

    it("tells names apart that differ in case, accents or emoji", async () => {
      const now = Date.now();
      for (const name of ["case", "Case", "cäse", "case 🙂", "case 🙃"])
        expect(await makeExperiment(`${name} ${now}`), name).toBe(200);
      expect(await makeExperiment(`case ${now}`)).toBe(400);
    });

    it("is not restarted by a change of the server", async () => {
      const before = [await startOf("mlflow"), await startOf(database)];
      configure("", 'server: { env: { E2E: "changed" } },');
      await expectDeployed(checkout);
      expect(await startOf("mlflow")).not.toBe(before[0]);
      expect(await startOf(database)).toBe(before[1]);
      await tracking.expectThere(logged);
    });

    it("is killed and comes back, and the server goes on by itself", async () => {
      const before = [await startOf("mlflow"), await startOf(database)];
      await execa("docker", ["kill", "--signal=KILL", await container()], docker);
      await until("requests fail", 30, async () => (await tracking.search()) !== 200);
      await until("requests are answered", 90, async () => (await tracking.search()) === 200);
      expect(await startOf("mlflow")).toBe(before[0]);
      expect(await startOf(database)).not.toBe(before[1]);
      await tracking.expectThere(logged);
    });

    it("gets another password, and the server with it", async () => {
      process.env.E2E_DB_PASSWORD = "another";
      await expectDeployed(checkout);
      await tracking.expectThere(logged);
      process.env.E2E_DB_PASSWORD = PASSWORD;
      await expectDeployed(checkout);
      await tracking.expectThere(logged);
    });

    it("is not ended for an image of another major version", async () => {
      const before = await startOf(database);
      const other = `homelab-mlflow-${kind}:other`;
      await execa("docker", ["tag", image, other], docker);
      const version = join(data, programs.seriesFile);
      writeFileSync(version, `${programs.otherSeries}\n`);
      checkout.write("homelab.config.ts", checkout.read("homelab.config.ts").replace(image, other));
      const { output, exitCode } = await checkout.make("deploy");
      writeFileSync(version, `${series}\n`);
      expect(output).toContain(
        `error: ${title}: the volume holds data of ${title} ${programs.otherSeries}, and storage.backendStore.image has ${series}; keep an image of ${programs.otherSeries}`,
      );
      expect(exitCode).not.toBe(0);
      expect(await startOf(database)).toBe(before);
      await tracking.expectThere(logged);
    });

    it("is not ended for an image that can't be had, nor for a volume without a database", async () => {
      const before = await startOf(database);
      configure();
      const config = checkout.read("homelab.config.ts");
      checkout.write("homelab.config.ts", config.replace(image, "127.0.0.1:1/database:1"));
      const missing = await checkout.make("deploy");
      expect(missing.output).toContain(`the look at ${title}'s volume failed`);
      expect(missing.output).toContain("127.0.0.1:1/database:1");
      const empty = join(settings.dir, "volumes", "empty");
      configure(
        "",
        `volumes: { ...embedded.volumes, backendStore: { source: { directory: "${empty}" } } },`,
      );
      const elsewhere = await checkout.make("deploy");
      expect(elsewhere.output).toContain(
        `error: ${title}: found no database on the volume, while the job has one on another`,
      );
      expect(await startOf(database)).toBe(before);
      configure();
      await checkout.make("deploy");
      expect(await startOf(database)).toBe(before);
      await tracking.expectThere(logged);
    });

    it("never works on a directory on which another one does", async () => {
      const run = await execa(
        "docker",
        [
          ...["run", "--rm", "--user", "1000:1000", "--network", "none"],
          ...["--env", `HOMELAB_KIND=${kind}`],
          ...["--env", "HOMELAB_VOLUME=/mnt/backend_store=mlflow-backend-store"],
          ...["--volume", `${settings.volumes.backendStore}:/mnt/backend_store`],
          ...["--volume", `${join(checkout.directory, "database")}:/database:ro`],
          ...["--entrypoint", "sh", image, "/database/start.sh"],
        ],
        { ...docker, reject: false },
      );
      expect(run.stderr).toContain(
        `${title}: another ${title} still works on /mnt/backend_store/${kind}; end it`,
      );
      expect(run.exitCode).toBe(1);
      await tracking.expectThere(logged);
    });

    it("is backed up and put back by the commands of docs/modes.md", async () => {
      const docs = readFileSync(join(ROOT, "docs", "modes.md"), "utf8");
      for (const command of [programs.dump, programs.restore])
        expect(docs).toContain(` ${command.join(" ")} `);
      const dump = await allocExec(undefined, programs.dump);
      await sql("DELETE FROM metrics; DELETE FROM latest_metrics; DELETE FROM params");
      await expect(tracking.expectThere(logged)).rejects.toThrow();
      await allocExec(dump, programs.restore);
      await tracking.expectThere(logged);
    });

    it("has MLflow's own users as well, once there are logins", async () => {
      configure("", basicLogins());
      await expectDeployed(checkout);
      await expectLogins(checkout, logged);
      expect(await sql("SELECT count(*) FROM users")).toBe("2");
      expectNone(await placesOfSecrets({ settings, nomad, dockerHost, checkout }), [
        PASSWORD,
        encodeURIComponent(PASSWORD),
        ...LOGIN_SECRETS,
      ]);
      configure();
    });

    it("is gone after a destroy with its secrets, and its data is not", async () => {
      expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
      expect(await nomad.get(`/job/${database}`)).toBeUndefined();
      expect(await variables()).toEqual([]);
      await expectDeployed(checkout);
      await tracking.expectThere(logged);
    });
  });
}
