/** What a deploy says of a server that did not become healthy, on a real Nomad. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitForDeployment } from "../../check/deployment.ts";
import type { UserError } from "../../config/errors.ts";
import { NomadApi } from "../../nomad/api.ts";
import { type NomadAgent, startNomadAgent } from "./nomad-agent.ts";

const NOMAD = process.env.HOMELAB_TEST_NOMAD ?? "nomad";
let directory: string;
let agent: NomadAgent;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "homelab-deployment-"));
  agent = await startNomadAgent(NOMAD, directory);
});

afterAll(async () => {
  await agent?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Nobody answers where its health is asked for; "before" ends before the server starts. */
const jobspec = (name: string, before: string, deadline: number) => `
job "${name}" {
  group "svc" {
    update {
      health_check      = "checks"
      min_healthy_time  = "3s"
      healthy_deadline  = "${deadline}s"
      progress_deadline = "0s"
    }
    network {
      port "http" {}
    }
    task "before" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "${before}"]
      }
      lifecycle {
        hook = "prestart"
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
    task "app" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["60"]
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
    service {
      name     = "${name}"
      port     = "http"
      provider = "nomad"
      check {
        type     = "http"
        path     = "/health"
        interval = "1s"
        timeout  = "1s"
      }
    }
  }
}
`;

async function problemsOf(
  name: string,
  before: string,
  deadline: number,
): Promise<readonly string[]> {
  const file = join(directory, `${name}.hcl`);
  writeFileSync(file, jobspec(name, before, deadline));
  await execa(NOMAD, ["job", "run", "-detach", file], { env: { NOMAD_ADDR: agent.address } });
  const nomad = new NomadApi({ address: agent.address, region: "global", namespace: "default" });
  const error = await waitForDeployment(nomad, name, 60).then(
    () => expect.fail("it became healthy"),
    (thrown) => thrown as UserError,
  );
  return error.problems;
}

describe("a server that is not healthy in time", () => {
  it("is told with what its health check found", async () => {
    expect(await problemsOf("mute", "true", 20)).toContainEqual(
      expect.stringMatching(
        /^allocation \w+ on \S+: app started \d s after it was placed there; and its health check did not pass in the (1[6-9]|2\d) s that were left: .*connection refused$/,
      ),
    );
  });

  it("is told to have started late, where it was", async () => {
    expect(await problemsOf("late", "sleep 4", 8)).toContainEqual(
      expect.stringMatching(
        /^allocation \w+ on \S+: app started [4-6] s after .* in the [1-4] s that were left.*; see what kept the client, or raise job.healthyDeadline$/,
      ),
    );
  });
});
