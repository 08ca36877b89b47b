import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bridgeAddress } from "../../lab/bridge.ts";
import { ensurePostgresql } from "../../lab/postgresql.ts";
import { stopServer } from "../../lab/servers.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, runningAllocations, settings, url, work } from "../deployed.ts";
import { expectNone, placesOfSecrets } from "../secret-places.ts";
import { makeDatabase, sql } from "../stores.ts";
import { isLate } from "../time-left.ts";
import { type Logged, Tracking } from "./tracking.ts";

const late = isLate("MLflow's own logins");

/** What HTTP, a shell, an .ini file, HCL and Terraform would read. */
const ADMIN_PASSWORD = "adm:in %40 ${x} %{y} {{z}} '\"";
const SECRET_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const ADA = { name: "ada", password: "ada's own password" };
const BOB = { name: "bob", password: "bob's own password" };
const BASIC = `{
  type: "basic",
  admin: { password: { env: "E2E_ADMIN" } },
  secretKey: { env: "E2E_KEY" },
}`;

let checkout: Checkout;
/** A run of the time when everybody could do everything. */
let before: Logged;

interface User {
  readonly name: string;
  readonly password: string;
}

const admin = () => ({ name: "admin", password: process.env.E2E_ADMIN ?? "" });

beforeAll(async () => {
  process.env.E2E_ADMIN = ADMIN_PASSWORD;
  process.env.E2E_KEY = SECRET_KEY;
  checkout = await Checkout.create("auth");
  // What the file before has left would have to be replaced.
  await checkout.make("destroy", "YES=1");
});

afterAll(async () => {
  await checkout?.make("destroy", "YES=1");
  await stopServer(settings, "postgresql");
});

async function deploy(): Promise<string> {
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  return output;
}

function loginOf({ name, password }: User): Record<string, string> {
  return { MLFLOW_TRACKING_USERNAME: name, MLFLOW_TRACKING_PASSWORD: password };
}

/** MLflow's Python client, which takes a refusal for an answer. */
function by(user?: User): Tracking {
  return new Tracking(url, { MLFLOW_HTTP_REQUEST_MAX_RETRIES: "1", ...(user && loginOf(user)) });
}

async function logRun(name: string, user?: User): Promise<Logged> {
  const logged = await by(user).log(name);
  await by(user).expectThere(logged);
  return logged;
}

function doctor(user: User, more: Record<string, string> = {}) {
  return checkout.homelab(["doctor"], { env: { ...loginOf(user), ...more } });
}

async function status(path: string, user?: User): Promise<number> {
  const login = user && Buffer.from(`${user.name}:${user.password}`).toString("base64");
  const headers = login ? { authorization: `Basic ${login}` } : undefined;
  return (await fetch(`${url}${path}`, { headers })).status;
}

/** Of this run: the lab may have those of another. */
const OF_ADA = `of-ada-${Date.now()}`;
const GET = "/api/2.0/mlflow/experiments/get?experiment_id=0";

describe.skipIf(late)("a deploy with MLflow's own logins", () => {
  it("is refused before anything is touched with a password that MLflow would refuse, or none", async () => {
    checkout.configure("");
    await deploy();
    before = await logRun("open");
    checkout.configure(`server: { auth: ${BASIC} },`);
    process.env.E2E_ADMIN = "too shört";
    delete process.env.E2E_KEY;
    const { output, exitCode } = await checkout.make("deploy");
    process.env.E2E_ADMIN = ADMIN_PASSWORD;
    process.env.E2E_KEY = SECRET_KEY;
    expect(output).toContain(
      "error: server.auth.admin.password: holds characters beyond ASCII, which MLflow refuses where artifacts go up and down; set one without",
    );
    expect(output).toContain(
      "error: server.auth.secretKey: the environment variable E2E_KEY is not set",
    );
    expect(exitCode).not.toBe(0);
    expect(await status(GET)).toBe(200);
  });

  it("locks what was open, and leaves it to the admin as it was", async () => {
    expect(await deploy()).toContain("MLflow is up, and was checked from outside.");
    expect(await status("/health")).toBe(200);
    for (const path of ["/", "/version", GET]) expect(await status(path), path).toBe(401);
    expect(await status(GET, { name: "admin", password: "not the admin's" })).toBe(401);
    await by(admin()).expectThere(before);
    expect(await deploy()).toContain("Nothing to change: everything is as configured.");
  });

  it("leaves neither password nor key where others read", async () => {
    const places = await placesOfSecrets({ settings, nomad, dockerHost, checkout });
    expectNone(places, [ADMIN_PASSWORD, ADMIN_PASSWORD.replaceAll("%", "%%"), SECRET_KEY]);
    const [allocation] = await runningAllocations();
    const read = ["exec", `mlflow_app-${allocation?.ID}`, "stat", "--format=%a %U"];
    const found = await execa("docker", [...read, "/dev/shm/basic_auth.ini"], {
      env: { DOCKER_HOST: dockerHost },
      reject: false,
    });
    expect(found.stdout).toMatch(/^600 /);
  });

  it("lets users be made by one command, who log runs and artifacts with their own logins", async () => {
    for (const { name, password } of [ADA, BOB]) {
      const { output } = await checkout.homelab(["user", "add", name], { input: `${password}\n` });
      expect(output).toContain(`"${name}" was made`);
    }
    expect((await checkout.homelab(["user", "list"])).output).toBe("admin (admin)\nada\nbob");
    await logRun(OF_ADA, ADA);
    const again = await checkout.homelab(["user", "add", "ada"], { input: "another password\n" });
    expect(again).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("User (username=ada) already exists"),
    });
  });

  it("keeps an experiment its maker's, until somebody is granted more", async () => {
    const refused = await by(BOB).start(["log", OF_ADA]);
    expect(refused.stderr).toMatch(/403|Permission denied/);
    const named = { MLFLOW_EXPERIMENT_NAME: OF_ADA };
    expect((await doctor(BOB, named)).output).toContain(
      `wrong    experiment      user "bob" may READ experiment "${OF_ADA}", and a run takes EDIT`,
    );
    const given = await checkout.homelab(["user", "grant", "bob", "EDIT", "--experiment", OF_ADA]);
    expect(given.output).toBe(`"bob" may EDIT "${OF_ADA}"`);
    const { output, exitCode } = await doctor(BOB, named);
    expect(output).toContain(`user "bob" may log runs to experiment "${OF_ADA}"`);
    expect(exitCode, output).toBe(0);
    await checkout.homelab(["user", "revoke", "bob", "--experiment", OF_ADA]);
    expect((await doctor(BOB, named)).exitCode).toBe(1);
  });

  it("tells a client with a wrong password, and one with none, what to do", async () => {
    const wrong = await by({ ...BOB, password: "wrong" }).start(["log", "x"]);
    expect(wrong.stderr).toContain("401");
    expect((await doctor({ ...BOB, password: "wrong" })).output).toContain(
      'wrong    authentication  user "bob" is refused (401); correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; an admin sets another password',
    );
    expect((await checkout.homelab(["doctor"])).output).toContain(
      "a login is wanted (401), and the client has none",
    );
    const { output } = await checkout.homelab(["env", "--user", "bob", "--shell", "sh"]);
    expect(output).toContain("export MLFLOW_TRACKING_USERNAME=bob");
    expect((await checkout.homelab(["env"])).output).toContain("add --user NAME");
  });

  it("sets another password of a user's, and removes one", async () => {
    await checkout.homelab(["user", "password", "bob"], { input: "bob's new password\n" });
    expect(await status(GET, { ...BOB, password: "bob's new password" })).toBe(200);
    expect((await checkout.homelab(["user", "remove", "bob"])).exitCode).toBe(0);
    expect((await checkout.homelab(["user", "list"])).output).toBe("admin (admin)\nada");
    const own = await checkout.homelab(["user", "password", "admin"], {
      input: "something else\n",
    });
    expect(own.output).toContain("change server.auth.admin.password, and deploy");
  });

  it("gives the admin a changed password by a deploy, and leaves the users theirs", async () => {
    process.env.E2E_ADMIN = "rotated admin password";
    await deploy();
    expect(await status(GET, admin())).toBe(200);
    expect(await status(GET, { name: "admin", password: ADMIN_PASSWORD })).toBe(401);
    expect(await status(GET, ADA)).toBe(200);
  });

  it("keeps users and permissions over a destroy", async () => {
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    await deploy();
    expect((await checkout.homelab(["user", "list"])).output).toBe("admin (admin)\nada");
    expect((await doctor(ADA, { MLFLOW_EXPERIMENT_NAME: OF_ADA })).exitCode).toBe(0);
  });
});

describe.skipIf(late)("MLflow's own logins on PostgreSQL", () => {
  it("are in the same database, with a schema version of their own", async () => {
    // Else the deploy would say that the runs in SQLite were not seen any more.
    expect((await checkout.make("destroy", "YES=1")).exitCode).toBe(0);
    const addresses = ["127.0.0.1", await bridgeAddress(dockerHost)];
    await ensurePostgresql(addresses, work);
    await makeDatabase("auth", "p@ss%word");
    process.env.E2E_DB = `postgresql://auth:p%40ss%25word@${addresses[1]}:${settings.ports.postgresql}/auth`;
    checkout.configure(`
      storage: { backendStore: { type: "postgresql", uri: { env: "E2E_DB" } } },
      volumes: { artifacts: embedded.volumes.artifacts },
      resources: { memory: 640 },
      job: { healthyDeadline: 600 },
      server: { auth: ${BASIC} },`);
    await deploy();
    expect(await sql("SELECT count(*) FROM alembic_version_auth", "auth")).toBe("1");
    expect(
      (await checkout.homelab(["user", "add", "ada"], { input: `${ADA.password}\n` })).exitCode,
    ).toBe(0);
    await logRun(OF_ADA, ADA);
    expectNone(await placesOfSecrets({ settings, nomad, dockerHost, checkout }), [
      "p%40ss%25word",
      "p@ss%word",
      admin().password,
      SECRET_KEY,
    ]);
  });

  it("take a changed password of the admin's while the old server still serves", async () => {
    process.env.E2E_ADMIN = "rotated once more";
    await deploy();
    expect(await status(GET, admin())).toBe(200);
    expect(await status(GET, ADA)).toBe(200);
  });

  it("of a newer MLflow are refused in a line, and the server goes on", async () => {
    const current = await sql("SELECT version_num FROM alembic_version_auth", "auth");
    await sql("UPDATE alembic_version_auth SET version_num = 'ffffffffffff'", "auth");
    process.env.E2E_KEY = "another key";
    const { output, exitCode } = await checkout.make("deploy");
    await sql(`UPDATE alembic_version_auth SET version_num = '${current}'`, "auth");
    process.env.E2E_KEY = SECRET_KEY;
    expect(output).toContain("the users' schema ffffffffffff is unknown to this MLflow");
    expect(exitCode).not.toBe(0);
    expect(await status(GET, ADA)).toBe(200);
  });
});
