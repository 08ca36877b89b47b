/** What a user of MLflow does to connect, and reads when it fails. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Result } from "../../client/examine.ts";
import { ROOT } from "../../config/load.ts";
import { mlflowVersion } from "../../stacks/mlflow-version.ts";
import { Checkout } from "../checkout.ts";
import { dockerHost, nomad, settings, url } from "../deployed.ts";
import { type Authority, makeAuthority, startTlsFront } from "../tls-front.ts";
import { testToolsDirectory } from "../tools.ts";
import { until } from "./tracking.ts";

const tools = testToolsDirectory();
const version = mlflowVersion(ROOT);
const closing: (() => unknown)[] = [];
let checkout: Checkout;
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "homelab-home-"));
  checkout = await Checkout.create("clients");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
});

afterAll(async () => {
  for (const close of closing) await close();
  // deploy.test.ts begins with nothing deployed.
  await checkout?.make("destroy", "YES=1");
});

/** Environment of a user who has set nothing, with the Python client on PATH. */
function environment(more: Record<string, string> = {}): Record<string, string> {
  const { PATH = "", HOMELAB_LAB = "", HOMELAB_LAB_PORT = "", XDG_CACHE_HOME = "" } = process.env;
  const lab = { HOMELAB_LAB, HOMELAB_LAB_PORT, ...(XDG_CACHE_HOME ? { XDG_CACHE_HOME } : {}) };
  return {
    PATH: `${tools}:${PATH}`,
    HOME: home,
    MLFLOW_DISABLE_TELEMETRY: "true",
    ...lab,
    ...more,
  };
}

async function homelab(args: string[], env: Record<string, string> = {}) {
  return execa("node", ["cli/homelab.mjs", ...args], {
    cwd: checkout.directory,
    extendEnv: false,
    env: environment(env),
    reject: false,
  });
}

interface Report {
  readonly ok: boolean;
  readonly exitCode: number | undefined;
  /** The results, by check. */
  readonly checks: Readonly<Record<string, Result>>;
}

async function doctor(env: Record<string, string> = {}): Promise<Report> {
  const { stdout, stderr, exitCode } = await homelab(["doctor", "--json"], env);
  expect(stderr).toBe("");
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Result[] };
  return { ok, exitCode, checks: Object.fromEntries(checks.map((each) => [each.check, each])) };
}

/** What is wrong, by check. */
function wrong({ checks }: Report): Record<string, string> {
  const all = Object.values(checks).filter(({ status }) => status === "wrong");
  return Object.fromEntries(all.map(({ check, found, todo }) => [check, `${found}; ${todo}`]));
}

/** The user's training script. */
const SCRIPT = join(ROOT, "test", "e2e", "client.py");

const readRun = async (run: string) =>
  JSON.parse(
    (
      await execa(join(tools, "python"), [SCRIPT, "read", run], {
        extendEnv: false,
        env: environment({ MLFLOW_TRACKING_URI: url }),
      })
    ).stdout,
  );

describe("homelab env", () => {
  it.each([
    ["sh", ["sh", "-ec"], `eval "$(node cli/homelab.mjs env)"; python '${SCRIPT}' log`],
    ["bash", ["bash", "-ec"], `eval "$(node cli/homelab.mjs env)"; python '${SCRIPT}' log`],
    [
      "fish",
      ["fish", "--no-config", "-c"],
      `node cli/homelab.mjs env --shell fish | source; python '${SCRIPT}' log`,
    ],
    [
      "a .env file",
      ["sh", "-ec"],
      `node cli/homelab.mjs env --shell dotenv > .env; dotenv -f .env run -- python '${SCRIPT}' log`,
    ],
    [
      "a Python script",
      ["sh", "-ec"],
      `{ node cli/homelab.mjs env --shell python; cat '${SCRIPT}'; } > log.py; python log.py log`,
    ],
  ])("lets MLflow's Python client log a run to the deployment, from %s", async (_, shell, line) => {
    const [program = "", ...args] = shell;
    const { stdout } = await execa(program, [...args, line], {
      cwd: checkout.directory,
      extendEnv: false,
      env: environment(),
    });
    const { run, sha256 } = JSON.parse(stdout.split("\n").at(-1) ?? "");
    expect(await readRun(run)).toMatchObject({ rate: "0.1", sha256 });
  });
});

describe("the requests of the R and Java clients, as docs/clients.md has them for curl", () => {
  it("log a run with an artifact, and find it", async () => {
    const docs = readFileSync(join(ROOT, "docs", "clients.md"), "utf8");
    const block = /```sh\n([\s\S]*?)```/.exec(docs)?.[1] ?? "";
    const script = block.replace('"by-curl"', `"by-curl-${randomUUID()}"`);
    expect(script).toContain("experiments/create");
    const directory = mkdtempSync(join(tmpdir(), "homelab-curl-"));
    const { stdout } = await execa("sh", ["-euc", script], {
      cwd: directory,
      env: { MLFLOW_TRACKING_URI: url },
    });
    const [run, ...others] = JSON.parse(stdout.slice(stdout.indexOf('{\n  "runs"'))).runs;
    expect(others).toEqual([]);
    expect(run.info.status).toBe("FINISHED");
    expect(run.data.params).toEqual([{ key: "a", value: "1" }]);
    expect(run.data.metrics[0]).toMatchObject({ key: "b", value: 2 });
    const path = run.info.artifact_uri.replace("mlflow-artifacts:/", "");
    const answer = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${path}/table.txt`);
    expect(await answer.text()).toBe("a table\n");
  });
});

describe("homelab doctor", () => {
  it("finds a healthy deployment well, and leaves nothing behind that a user sees", async () => {
    const seen = async () => {
      const search = (path: string, body: object) =>
        fetch(`${url}/api/2.0/mlflow/${path}`, {
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        });
      return (await search("experiments/search", { max_results: 1000 })).json();
    };
    const before = await seen();
    const { stdout, exitCode } = await homelab(["doctor"], { MLFLOW_TRACKING_URI: url });
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain(`variables       MLFLOW_TRACKING_URI is ${url}`);
    expect(stdout).toContain(`the server is MLflow ${version}, the client on PATH ${version}`);
    expect(stdout).toContain("1 MiB went up and down through the server, with the same SHA-256");
    expect(stdout).toContain("All is well.");
    expect(await seen()).toEqual(before);
  });

  it("tells a name that does not resolve", async () => {
    const report = await doctor({ MLFLOW_TRACKING_URI: "http://no-such-name.invalid" });
    expect(wrong(report).DNS).toMatch(
      /^no-such-name\.invalid: the name does not resolve; add it to/,
    );
    expect(report.checks.TCP?.found).toBe("without meaning until DNS is mended");
    expect(report.exitCode).toBe(1);
  });

  it("tells a closed port", async () => {
    const report = await doctor({ MLFLOW_TRACKING_URI: "http://localhost:9" });
    expect(wrong(report).TCP).toMatch(/^localhost:9: connection refused; is Traefik running there/);
    expect(report.checks.health?.found).toBe("without meaning until TCP is mended");
  });

  it("tells a name that MLflow's Host check refuses", async () => {
    const direct = `http://127.0.0.1:${settings.ports.mlflow}`;
    const report = await doctor({ MLFLOW_TRACKING_URI: direct });
    expect(wrong(report).Host).toContain(
      `MLflow answers 403 to requests for 127.0.0.1:${settings.ports.mlflow}`,
    );
    expect(wrong(report).variables).toContain(
      `which is none of this deployment's; set it to ${url}`,
    );
    expect(report.checks.health?.status).toBe("ok");
    expect(report.checks.run?.status).toBe("skipped");
  });

  it("tells a name that Traefik has no router for", async () => {
    const report = await doctor({
      MLFLOW_TRACKING_URI: `http://127.0.0.1:${settings.ports.traefik}`,
    });
    expect(wrong(report).Host).toContain("Traefik has no router for 127.0.0.1");
  });

  it("tells variables by which MLflow's client sends nothing", async () => {
    const report = await doctor({
      MLFLOW_TRACKING_INSECURE_TLS: "true",
      MLFLOW_TRACKING_SERVER_CERT_PATH: "/etc/ssl/certs/ca-certificates.crt",
    });
    expect(Object.keys(wrong(report))).toEqual(["variables"]);
    expect(report.checks.run?.found).toBe("without meaning until variables is mended");
  });

  it("tells a clock that is off, by a server that sends the date of an hour ago", async () => {
    // A stand-in: the clock of this machine is not a test's to set.
    const late = createServer((_, response) => {
      response.writeHead(200, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end("OK");
    });
    await new Promise<void>((resolve) => late.listen(0, "127.0.0.1", resolve));
    closing.push(() => late.close());
    const { port } = late.address() as AddressInfo;
    const report = await doctor({ MLFLOW_TRACKING_URI: `http://localhost:${port}` });
    expect(wrong(report).clock).toMatch(/^this machine's clock is 60 min ahead of the server's/);
  });
});

describe("behind TLS", () => {
  let authority: Authority;

  /** A deployment whose URL is that of a TLS front. */
  async function front(subjectAltName: string, { days = 2, clients = "" } = {}): Promise<string> {
    const issued = await authority.issue(subjectAltName, days);
    const started = await startTlsFront(url, issued, clients);
    closing.push(started.close);
    checkout.configure(`url: ${JSON.stringify(started.url)}`);
    return started.url;
  }

  beforeAll(async () => {
    authority = await makeAuthority();
  });

  afterAll(() => checkout.configure(""));

  it("all is well with the authority's certificate, for the doctor and for MLflow's client", async () => {
    const secure = await front("DNS:localhost");
    const believing = { MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate };
    const report = await doctor(believing);
    expect(wrong(report)).toEqual({});
    expect(report.checks.TLS?.found).toBe(
      'a certificate for localhost of "an authority of a test", for 1 more day; renew it',
    );
    expect(report.exitCode).toBe(0);
    const line = `eval "$(node cli/homelab.mjs env)"; env -i PATH="$PATH" $(env | grep ^MLFLOW_) python '${SCRIPT}' log`;
    const { stdout } = await execa("sh", ["-ec", line], {
      cwd: checkout.directory,
      extendEnv: false,
      env: environment(believing),
    });
    expect(secure).toMatch(/^https:/);
    expect(await readRun(JSON.parse(stdout.split("\n").at(-1) ?? "").run)).toMatchObject({
      rate: "0.1",
    });
  });

  it("an authority that the client does not know is told, and so is the file that it is not in", async () => {
    await front("DNS:localhost");
    const unknown = await doctor();
    expect(wrong(unknown).TLS).toMatch(
      /^localhost: its certificate is of "an authority of a test", which the client \(Mozilla's list\) does not know \(\w+\); set MLFLOW_TRACKING_SERVER_CERT_PATH/,
    );
    expect(unknown.checks.run?.found).toBe("without meaning until TLS is mended");
    const other = await makeAuthority();
    const misled = await doctor({ MLFLOW_TRACKING_SERVER_CERT_PATH: other.certificate });
    expect(wrong(misled).TLS).toContain(`which ${other.certificate} does not hold`);
  });

  it("a certificate for another name is told with the names it has", async () => {
    await front("DNS:other.lan,DNS:another.lan");
    const report = await doctor({ MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate });
    expect(wrong(report).TLS).toMatch(
      /^localhost: its certificate is for another name: DNS:other\.lan, DNS:another\.lan; /,
    );
  });

  it("a certificate that has expired is told with the day", async () => {
    await front("DNS:localhost", { days: -3 });
    const report = await doctor({ MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate });
    expect(wrong(report).TLS).toMatch(/^localhost: its certificate expired on .* GMT; renew it$/);
  });

  it("a server that wants the client's certificate is told, and gets it from CLIENT_CERT_PATH", async () => {
    await front("DNS:localhost", { clients: authority.certificate });
    const believing = { MLFLOW_TRACKING_SERVER_CERT_PATH: authority.certificate };
    expect(wrong(await doctor(believing)).Host).toContain(
      "the server ends the connection after the handshake; does it want a certificate of the client's? set MLFLOW_TRACKING_CLIENT_CERT_PATH",
    );
    const { certificate, key } = await authority.issue("DNS:client");
    const both = join(home, "client.pem");
    writeFileSync(both, readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
    const own = { ...believing, MLFLOW_TRACKING_CLIENT_CERT_PATH: both };
    expect(wrong(await doctor(own))).toEqual({});
    const { stdout } = await execa(
      "sh",
      ["-ec", `eval "$(node cli/homelab.mjs env)"; python '${SCRIPT}' log`],
      { cwd: checkout.directory, extendEnv: false, env: environment(own) },
    );
    expect(stdout).toContain('"run"');
  });

  it("a server without TLS is told", async () => {
    checkout.configure(`url: "https://localhost:${settings.ports.mlflow}"`);
    expect(wrong(await doctor()).TLS).toContain("it does not speak TLS: http, not https?");
  });

  it("a Traefik without a certificate for the name is told", async () => {
    checkout.configure(`url: "https://localhost:${settings.ports.traefik}"`);
    expect(wrong(await doctor()).TLS).toMatch(
      /^localhost: Traefik has no certificate for it and shows one of its own; let it have one/,
    );
  });

  it("an empty SERVER_CERT_PATH verifies nothing, as MLflow's client shows", async () => {
    const secure = await front("DNS:other.lan");
    const empty = { MLFLOW_TRACKING_SERVER_CERT_PATH: "" };
    expect(wrong(await doctor(empty)).variables).toContain(
      "the client verifies no certificate at all",
    );
    const { stdout } = await execa(join(tools, "python"), [SCRIPT, "log"], {
      extendEnv: false,
      env: environment({ MLFLOW_TRACKING_URI: secure, ...empty }),
    });
    expect(stdout).toContain('"run"');
  });
});

describe("homelab status", () => {
  it("shows a healthy deployment on one screen, and ends with 0", async () => {
    const { stdout, exitCode } = await homelab(["status"]);
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(`MLflow ${version} runs and is healthy.`);
    expect(lines.length).toBeLessThan(24);
    expect(stdout).toContain(`URL          ${url}`);
    expect(stdout).toMatch(/allocation {3}[0-9a-f]{8} on localhost: healthy, up for \d+ (s|min)/);
    expect(stdout).toMatch(/memory {7}\d+ of 512 MiB \(\d+ %\)/);
    expect(stdout).toMatch(/image {8}127\.0\.0\.1:\d+\/mlflow@sha256:[0-9a-f]{12}$/m);
    expect(stdout).toContain("the running one");
    expect(stdout).toContain(`runs         ${settings.volumes.backendStore} on localhost`);
  });

  it("tells the memory that the server really holds", async () => {
    const { job } = JSON.parse((await homelab(["status", "--json"])).stdout);
    const [{ memory, healthy }] = job.allocations;
    expect(healthy).toBe(true);
    expect(memory.limit).toBe(512);
    expect(memory.used).toBeGreaterThan(100);
    expect(memory.used).toBeLessThan(512);
  });

  it("tells that version.txt is not what runs", async () => {
    const before = checkout.read("version.txt");
    checkout.write("version.txt", "9.9.8\n");
    const { stdout, exitCode } = await homelab(["status"]);
    checkout.write("version.txt", before);
    expect(stdout).toContain("v9.9.8: it was not pushed yet; make deploy brings it");
    expect(exitCode).toBe(0);
  });
});

describe("with an MLflow that hangs", () => {
  /** Stops and continues the server's container, as a disk that does not answer would. */
  async function docker(command: "pause" | "unpause"): Promise<void> {
    const { job } = JSON.parse((await homelab(["status", "--json"])).stdout);
    await execa("docker", [command, `mlflow_app-${job.allocations[0].id}`], {
      env: { DOCKER_HOST: dockerHost },
    });
  }

  beforeAll(() => docker("pause"));
  afterAll(() => docker("unpause"));

  it("status says that it runs and is not healthy, and ends with 1", async () => {
    await until("it says so", 60, async () => (await homelab(["status"])).exitCode === 1);
    const { stdout } = await homelab(["status"]);
    expect(stdout.split("\n")[0]).toBe("MLflow is not healthy.");
    expect(stdout).toMatch(/allocation {3}[0-9a-f]{8} on localhost: running, not healthy/);
  });

  it("doctor says that it does not answer in time", async () => {
    const report = await doctor();
    expect(wrong(report).health).toBe(
      "connected, but no answer in time; does MLflow run? npx homelab status tells",
    );
    expect(report.exitCode).toBe(1);
  });
});

describe("a deployment that asks for a login", () => {
  const login = { MLFLOW_TRACKING_USERNAME: "ada", MLFLOW_TRACKING_PASSWORD: "secret of a test" };

  beforeAll(async () => {
    const usersFile = join(settings.dir, "clients.htpasswd");
    const hash = createHash("sha1").update(login.MLFLOW_TRACKING_PASSWORD).digest("base64");
    writeFileSync(usersFile, `ada:{SHA}${hash}\n`);
    checkout.configure(`traefik: { basicAuth: { usersFile: ${JSON.stringify(usersFile)} } }`);
    Object.assign(process.env, login);
    const { output, exitCode } = await checkout.make("deploy");
    for (const name of Object.keys(login)) delete process.env[name];
    expect(exitCode, output).toBe(0);
  });

  it("is well with the login, from the variables and from the credentials file", async () => {
    const report = await doctor(login);
    expect(wrong(report)).toEqual({});
    expect(report.checks.authentication?.found).toBe('user "ada" is let in');
    const file = join(home, ".mlflow");
    await execa("mkdir", ["-p", file]);
    writeFileSync(
      join(file, "credentials"),
      `[mlflow]\nmlflow_tracking_password = ${login.MLFLOW_TRACKING_PASSWORD}\n`,
    );
    const { MLFLOW_TRACKING_USERNAME } = login;
    const fromFile = await doctor({ MLFLOW_TRACKING_USERNAME });
    await execa("rm", ["-r", file]);
    expect(wrong(fromFile)).toEqual({});
  });

  it("tells a wrong password, a missing one, and that none was given", async () => {
    const refused = await doctor({ ...login, MLFLOW_TRACKING_PASSWORD: "wrong" });
    expect(wrong(refused)).toEqual({
      authentication:
        'user "ada" is refused (401); correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; Traefik reads the users from traefik.basicAuth.usersFile',
    });
    expect(refused.checks.run?.found).toBe("without meaning until authentication is mended");
    expect(refused.exitCode).toBe(1);
    const half = await doctor({ MLFLOW_TRACKING_USERNAME: "ada" });
    expect(wrong(half).variables).toContain("basic authentication needs both");
    const none = await doctor();
    expect(wrong(none).authentication).toContain("npx homelab env --user");
  });

  it("is told of by env, whose output then lets MLflow's client in", async () => {
    const { stderr } = await homelab(["env"]);
    expect(stderr).toBe("this deployment asks for a login: add --user NAME");
    const line = `eval "$(node cli/homelab.mjs env --user ada --with-password)"; env -i PATH="$PATH" MLFLOW_TRACKING_URI="$MLFLOW_TRACKING_URI" MLFLOW_TRACKING_USERNAME="$MLFLOW_TRACKING_USERNAME" MLFLOW_TRACKING_PASSWORD="$MLFLOW_TRACKING_PASSWORD" python '${SCRIPT}' log`;
    const { MLFLOW_TRACKING_PASSWORD } = login;
    const { stdout } = await execa("sh", ["-ec", line], {
      cwd: checkout.directory,
      extendEnv: false,
      env: environment({ MLFLOW_TRACKING_PASSWORD }),
    });
    expect(stdout).toContain('"run"');
  });
});

describe("without an MLflow", () => {
  beforeAll(async () => {
    checkout.configure("");
    const stopped = await fetch(`${nomad.address}/v1/job/mlflow`, { method: "DELETE" });
    expect(stopped.status).toBe(200);
    await until("it is gone", 60, async () => (await fetch(`${url}/health`)).status === 404);
  });

  it("doctor says that nothing answers, and where to look", async () => {
    const report = await doctor({ MLFLOW_TRACKING_URI: url });
    expect(wrong(report)).toEqual({
      health: `Traefik has no router for localhost:${settings.ports.traefik}; is there a healthy MLflow? npx homelab status tells; if there is, see Traefik in docs/operations.md`,
    });
    expect(report.checks.run?.found).toBe("without meaning until health is mended");
    expect(report.exitCode).toBe(1);
  });

  it("status says that it is stopped, and ends with 1", async () => {
    const { stdout, exitCode } = await homelab(["status"]);
    expect(stdout.split("\n")[0]).toBe("MLflow is stopped; make deploy brings it up.");
    expect(stdout).toContain("job          mlflow: stopped, version");
    expect(exitCode).toBe(1);
  });

  it("status without a Nomad says so, and ends with 3", async () => {
    checkout.configure('nomad: { address: "http://127.0.0.1:9" }');
    const { stdout, stderr, exitCode } = await homelab(["status"]);
    checkout.configure("");
    expect(stdout).toBe("");
    expect(stderr).toBe(
      "error: Nomad at http://127.0.0.1:9: connection refused; make lab-up starts it",
    );
    expect(exitCode).toBe(3);
  });
});
