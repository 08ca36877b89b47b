import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Claims the job "mlflow" in a fake Nomad that has this job of that name. */
async function claim(job: object | undefined, { owner = "mine", leaderless = 0 } = {}) {
  let asked = 0;
  const server = createServer((_, response) => {
    if (asked++ < leaderless) response.writeHead(500).end("No cluster leader");
    else response.writeHead(job ? 200 : 404).end(JSON.stringify(job));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const target = { address, region: "global", namespace: "default" };
  return execa("node_modules/.bin/jiti", ["check/claim.ts"], {
    cwd: ROOT,
    env: { HOMELAB_JOB: "mlflow", HOMELAB_OWNER: owner, HOMELAB_NOMAD: JSON.stringify(target) },
    reject: false,
  });
}

describe("claiming the job's name", () => {
  it("is granted where no job has it, or a dead one", async () => {
    expect((await claim(undefined)).exitCode).toBe(0);
    expect((await claim({ Status: "dead", Meta: null })).exitCode).toBe(0);
  });

  it("is granted again for the job that carries our mark, as after a rename that was refused", async () => {
    const job = { Status: "running", Meta: { homelab_mlflow_owner: "mine" } };
    expect((await claim(job)).exitCode).toBe(0);
  });

  it("waits for Nomad's servers to elect a leader", async () => {
    expect((await claim(undefined, { leaderless: 1 })).exitCode).toBe(0);
  });

  it.each([
    ["without a mark", null],
    ["deployed from another state, as that of another cluster", { homelab_mlflow_owner: "theirs" }],
  ])("is refused for a running job %s", async (_, Meta) => {
    const { exitCode, stderr } = await claim({ Status: "running", Meta });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^error: Nomad at http:\S+: a job "mlflow" is there that was not deployed from here; set job\.adopt to true to take it over, or job\.name to another name$/,
    );
  });
});
