/** Sweeps on a Nomad with ACLs, by users who may do some of it. */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../config/load.ts";
import { NomadApi } from "../../nomad/api.ts";
import { register } from "../../sweep/register.ts";
import { sweepConfig } from "../sweep-config.ts";
import { SMALL, sweepUser, until } from "./sweep-user.ts";

const MANAGEMENT = randomUUID();
const user = sweepUser({ aclToken: MANAGEMENT });
const docs = readFileSync(join(ROOT, "docs", "sweeps.md"), "utf8");
const POLICY = /needs a policy such as this[\s\S]*?\n\n((?: {4}.*\n)+)/.exec(docs)?.[1] ?? "";
/** For the identity of the task that looks after sidecars. */
const POLICY_OF_SIDECARS = /needs, once for a namespace:\n\n((?: {4}.*\n)+)/.exec(docs)?.[1] ?? "";

let address = "";

beforeAll(async () => {
  ({ address } = await user.begin());
});

afterAll(() => user.end());

/** A token with a policy of these rules. */
async function token(name: string, Rules: string): Promise<string> {
  await user.api().put(`/acl/policy/${name}`, { Name: name, Rules });
  const body = { Name: name, Type: "client", Policies: [name] };
  return (await user.api().post<{ SecretID: string }>("/acl/token", body)).SecretID;
}

/** A command of somebody who has a token. */
async function by(NOMAD_TOKEN: string, ...args: string[]) {
  const { stdout, stderr, exitCode } = await user.start(args, { NOMAD_TOKEN });
  return { stdout, stderr, exitCode };
}

function run(by_: string, script: string, ...options: string[]) {
  writeFileSync(join(user.directory, "script.sh"), script);
  return by(by_, "run", ...SMALL, ...options, "--", "script.sh", "$SWEEP_INPUT");
}

const refused = (request: string) => [
  3,
  `error: Nomad at ${address}: it answered 403: Permission denied; set NOMAD_TOKEN to one that may ${request}`,
];

describe("who may not", () => {
  it("is told which token it takes, and what for", async () => {
    const none = await by("", "list");
    expect([none.exitCode, none.stderr]).toEqual(refused("GET /v1/jobs"));
    const unknown = await by(randomUUID(), "list");
    expect([unknown.exitCode, unknown.stderr]).toEqual([3, expect.stringContaining("NOMAD_TOKEN")]);
  });

  it("and may look at sweeps runs none, and stops none", async () => {
    const looks = await token("looks", 'namespace "default" { policy = "read" }');
    expect((await by(looks, "list")).exitCode).toBe(0);
    const asked = await run(looks, "true", "--name", "refused");
    expect([asked.exitCode, asked.stderr]).toEqual(refused("POST /v1/job/refused/plan"));
    expect(await user.api().get("/job/refused")).toBeUndefined();
    expect((await run(MANAGEMENT, "sleep 60", "--name", "of-others")).exitCode).toBe(0);
    const stopped = await by(looks, "stop", "of-others");
    expect([stopped.exitCode, stopped.stderr]).toEqual(refused("DELETE /v1/job/of-others"));
    expect((await by(looks, "status", "of-others")).stdout).not.toContain("stopped");
  });

  it("and may keep no variables runs none with secrets, and no job is left without them", async () => {
    const jobs = await token(
      "jobs",
      'namespace "default" { policy = "scale" capabilities = ["submit-job", "read-job"] }',
    );
    writeFileSync(join(user.directory, "key"), "hunter2\n");
    const secret = ["--secret-env", `KEY=@${join(user.directory, "key")}`];
    const asked = await run(jobs, "true", "--name", "unkept", ...secret);
    const variable = "/v1/var/nomad/jobs/unkept/sweep/task";
    expect([asked.exitCode, asked.stderr]).toEqual(refused(`PUT ${variable}`));
    expect(await user.api().get("/job/unkept")).toBeUndefined();
    // Without secrets there is nothing to keep.
    const plain = await run(jobs, "true", "--name", "plain", "--wait");
    expect([plain.exitCode, plain.stderr], plain.stdout).toEqual([0, ""]);
    expect((await by(jobs, "stop", "plain")).exitCode).toBe(0);
    // And what Nomad says of a job is what is told.
    const target = { address, region: "global", namespace: "default" };
    const api = new NomadApi(target, { NOMAD_TOKEN: jobs });
    const bad = register(api, { name: "bad", sidecars: [] }, undefined, { ID: "bad", Name: "bad" });
    await expect(bad).rejects.toMatchObject({
      problems: [expect.stringContaining("it answered 500: ")],
    });
  });
});

describe("who has the policy of docs/sweeps.md", () => {
  let mine = "";
  const broken = join(user.directory, "broken");

  beforeAll(async () => {
    mine = await token("sweeps", POLICY);
  });

  it("runs sweeps with secrets, waits, reads their logs and has what failed done again", async () => {
    writeFileSync(broken, "");
    writeFileSync(join(user.directory, "key"), "hunter2\n");
    const script = `test "$KEY" = hunter2 || exit 9; test "$1" != 1 || test ! -e ${broken} || { echo "no good"; exit 7; }`;
    const secret = ["--secret-env", `KEY=@${join(user.directory, "key")}`];
    const options = ["--name", "mine", "--ntasks", "3", ...secret, "--max-workers", "2"];
    const first = await run(mine, script, ...options, "--wait");
    expect([first.exitCode, first.stderr], first.stdout).toEqual([1, ""]);
    expect(first.stdout).toMatch(/^mine: 2 done, 1 failed; /m);
    expect((await by(mine, "logs", "mine", "--failed")).stdout).toBe("[1] no good");
    rmSync(broken);
    const again = await by(mine, "retry", "mine", "--failed", "--wait");
    expect([again.exitCode, again.stderr], again.stdout).toEqual([0, ""]);
    expect((await by(mine, "status", "mine")).stdout).toMatch(/^mine: 3 done; /m);
    expect(await user.api().get("/var/nomad/jobs/mine/sweep/task")).toBeUndefined();
  });

  it("stops them", async () => {
    const began = join(user.directory, "began");
    await run(mine, `touch ${began}; sleep 60`, "--name", "long");
    await until(() => existsSync(began));
    const { stdout, exitCode, stderr } = await by(mine, "stop", "long");
    expect([stdout, exitCode], stderr).toEqual([
      "long: stopped; 1 task ended or were never started",
      0,
    ]);
    await until(async () =>
      (await by(mine, "status", "long")).stdout.includes("long: 1 stopped; "),
    );
    expect((await by(mine, "list")).stdout).toContain("long: 1 stopped; ");
  });

  it("is told where no client is large enough", async () => {
    const { exitCode, stderr } = await run(mine, "true", "--name", "large", "--memory", "9000GiB");
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining("--memory 9216000 MiB: the ")]);
  });

  it("has file stores in them, which the policy's host_volume is for", async () => {
    const config = join(user.directory, "files.config.ts");
    const files = 'volumes: { files: { source: { directory: "/srv/files" } },';
    writeFileSync(config, sweepConfig(address).replace("volumes: {", files));
    writeFileSync(join(user.directory, "script.sh"), "true");
    const options = ["--name", "with-files", "--container", "busybox", "--filestore", "images"];
    // There is no Docker here: it is planned alone.
    const args = ["run", ...options, "--dry-run", "--json", "--", "script.sh"];
    const { stdout } = await user.start(args, { NOMAD_TOKEN: mine, HOMELAB_CONFIG: config });
    const register = async (secret: string) => {
      const nomad = new NomadApi(
        { address, region: "global", namespace: "default" },
        { NOMAD_TOKEN: secret },
      );
      const JobHCL = JSON.parse(stdout).job;
      const Job = await nomad.post<object>("/jobs/parse", { JobHCL, Canonicalize: true });
      await nomad.post("/jobs", { Job });
    };
    const less = await token("less", POLICY.replace(/host_volume .*/, ""));
    await expect(register(less)).rejects.toThrow("it answered 403: Permission denied");
    await register(mine);
    expect(await user.api().get("/job/with-files")).toBeDefined();
  });

  it("runs none in another namespace", async () => {
    await user.api().put("/namespace/apart", { Name: "apart" });
    const { exitCode, stderr } = await run(mine, "true", "--name", "x", "--namespace", "apart");
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining("set NOMAD_TOKEN to one that")]);
  });
});

describe("the task that looks after sidecars", () => {
  /** What it asks of Nomad before sidecars are looked for, here without a container. */
  async function look(name: string): Promise<{ state: string; said: string }> {
    const script = JSON.stringify(join(ROOT, "sweep", "sidecars", "tracker.py"));
    const JobHCL = `job "${name}" {
  type = "batch"
  group "tracker" {
    restart { attempts = 0 }
    reschedule { attempts = 0 }
    task "ready" {
      driver = "raw_exec"
      config {
        command = "python3"
        args    = [${script}, "ready", "20"]
      }
      identity { env = true }
      env { SWEEP_NOMAD = "${address.replace("http://", "")}" }
    }
  }
}`;
    const nomad = user.api();
    await nomad.post("/jobs", { Job: await nomad.post("/jobs/parse", { JobHCL }) });
    const ended = async () =>
      (await user.allocations(name)).find(({ ClientStatus }) =>
        ["complete", "failed"].includes(ClientStatus),
      );
    await until(async () => (await ended()) !== undefined);
    const allocation = await ended();
    const query = { task: "ready", type: "stderr", plain: "true" };
    const said = await nomad.getText(`/client/fs/logs/${allocation?.ID}`, query);
    return { state: allocation?.ClientStatus ?? "", said: said ?? "" };
  }

  it("says what it lacks, and has it by the policy of docs/sweeps.md", async () => {
    const before = await look("before");
    expect(before.state).toBe("failed");
    expect(before.said).toContain("it needs read-job, see docs/sweeps.md");
    const nomad = process.env.HOMELAB_TEST_NOMAD ?? "nomad";
    const env = {
      NOMAD_ADDR: address,
      NOMAD_TOKEN: MANAGEMENT,
      PATH: `${dirname(nomad)}:${process.env.PATH}`,
    };
    await execa("sh", ["-c", POLICY_OF_SIDECARS], { env });
    expect(await look("after")).toEqual({ state: "complete", said: "" });
  });
});
