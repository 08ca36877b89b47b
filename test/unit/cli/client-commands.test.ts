import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { smallConfig } from "../synth.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Runs a command of ours on a config, as a user with an environment of their own. */
async function homelab(args: string[], more: Partial<HomelabInput> = {}, env = {}) {
  const file = join(mkdtempSync(join(tmpdir(), "homelab-config-")), "homelab.config.mjs");
  writeFileSync(file, `export default ${JSON.stringify(smallConfig(more))};\n`);
  const { PATH } = process.env;
  return execa("node", ["cli/homelab.mjs", ...args], {
    cwd: ROOT,
    extendEnv: false,
    env: { PATH, HOME: "/nonexistent", HOMELAB_CONFIG: file, ...env },
    reject: false,
  });
}

/** A stand-in for a Nomad with access control, which answers as one does that was given no token. */
async function denyingNomad(): Promise<string> {
  const server = createServer((_, response) => response.writeHead(403).end("Permission denied"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("homelab env", () => {
  it("prints exports alone on stdout, and what else there is to say on stderr", async () => {
    const { stdout, stderr, exitCode } = await homelab(
      ["env", "--user", "ada"],
      {},
      { SHELL: "/bin/zsh" },
    );
    expect(stdout.split("\n")).toEqual([
      "export MLFLOW_TRACKING_URI=http://mlflow.lan",
      "export MLFLOW_TRACKING_USERNAME=ada",
    ]);
    expect(stderr).toContain("the client needs MLFLOW_TRACKING_PASSWORD too");
    expect(exitCode).toBe(0);
  });

  it("prints JSON, without the password that it was not asked for", async () => {
    const password = { MLFLOW_TRACKING_PASSWORD: "secret" };
    const { stdout } = await homelab(["env", "--user", "ada", "--json"], {}, password);
    expect(JSON.parse(stdout)).toEqual({
      variables: { MLFLOW_TRACKING_URI: "http://mlflow.lan", MLFLOW_TRACKING_USERNAME: "ada" },
      notices: [],
    });
  });
});

describe("the commands for clients", () => {
  it.each([
    [["env", "--shell", "cmd"], "Allowed choices are sh, fish, powershell, dotenv, python"],
    [["env", "--user"], "argument missing"],
    [["doctor", "--loud"], "unknown option '--loud'"],
    [["status", "now"], "too many arguments"],
  ])("end with 2 at bad options: %j", async (args, text) => {
    const { stderr, stdout, exitCode } = await homelab(args);
    expect(stderr).toContain(text);
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });

  it.each(["env", "doctor", "status"])("end with 2 at a wrong config: %s", async (command) => {
    const { stderr, exitCode } = await homelab([command], { hostname: "no name" });
    expect(stderr).toMatch(/^error: .*homelab\.config\.mjs: hostname: found "no name"/);
    expect(exitCode).toBe(2);
  });

  it("end with 2 where MLflow's client would refuse its environment", async () => {
    const env = {
      MLFLOW_TRACKING_INSECURE_TLS: "true",
      MLFLOW_TRACKING_SERVER_CERT_PATH: "/ca.pem",
    };
    const { stderr, stdout, exitCode } = await homelab(["env"], { url: "https://mlflow.lan" }, env);
    expect(stderr).toMatch(
      /^error: MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH: both are set/,
    );
    expect(stdout).toBe("");
    expect(exitCode).toBe(2);
  });
});

describe("homelab status", () => {
  it("ends with 3 where Nomad does not answer", async () => {
    const { stderr, stdout, exitCode } = await homelab(["status", "--json"], {
      nomad: { address: "http://127.0.0.1:9" },
    });
    expect(stderr).toBe(
      "error: Nomad at http://127.0.0.1:9: connection refused; start it, or set nomad.address",
    );
    expect(stdout).toBe("");
    expect(exitCode).toBe(3);
  });

  it("ends with 3 where Nomad wants a token", async () => {
    const address = await denyingNomad();
    const { stderr, exitCode } = await homelab(["status"], { nomad: { address } });
    expect(stderr).toBe(
      `error: Nomad at ${address}: it answered 403: Permission denied; set NOMAD_TOKEN to one that may GET /v1/job/mlflow`,
    );
    expect(exitCode).toBe(3);
  });
});

describe("homelab doctor", () => {
  it("prints JSON with every check, and ends with 1 when one is wrong", async () => {
    const { stdout, exitCode } = await homelab(["doctor", "--json"], { url: "http://127.0.0.1:9" });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ url: "http://127.0.0.1:9", ok: false });
    expect(
      report.checks.map(
        (each: { check: string; status: string }) => `${each.check} ${each.status}`,
      ),
    ).toEqual([
      "variables ok",
      "DNS ok",
      "TCP wrong",
      "TLS skipped",
      "Host skipped",
      "health skipped",
      "version skipped",
      "authentication skipped",
      "run skipped",
      "artifact skipped",
      "clock skipped",
    ]);
    expect(exitCode).toBe(1);
  });
});

describe("homelab sweep open --data", () => {
  /** A Python that has a distribution of MLflow's; `python` alone, so that no other is asked. */
  function python(distribution: string): string {
    const folder = mkdtempSync(join(tmpdir(), "homelab-python-"));
    for (const program of ["python", "python3"])
      writeFileSync(join(folder, program), `#!/bin/sh\necho ${distribution}\n`, { mode: 0o755 });
    return `${folder}:${process.env.PATH}`;
  }

  it("wants a folder that has data of MLflow's in it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "homelab-data-"));
    const { stderr, exitCode } = await homelab(["sweep", "open", "mine", "--data", folder]);
    expect(stderr).toBe(
      `error: --data ${folder}: found neither mlflow.db nor experiments of MLflow's; expected the folder that npx homelab files download --into has filled`,
    );
    expect(exitCode).toBe(2);
  });

  it.each([
    [
      "mlflow-skinny 3.17.2",
      /^error: --data: found mlflow-skinny 3.17.2 alone, which has no server, /,
    ],
    ["", /^error: --data: found no MLflow for the python on PATH; pip install mlflow==\d[\d.]*$/],
  ])("says what to install where the Python on PATH has only '%s'", async (distribution, told) => {
    const folder = mkdtempSync(join(tmpdir(), "homelab-data-"));
    writeFileSync(join(folder, "mlflow.db"), "");
    const env = { PATH: python(distribution) };
    const args = ["sweep", "open", "mine", "--data", folder];
    const { stderr, exitCode } = await homelab(args, {}, env);
    expect(stderr).toMatch(told);
    expect(exitCode).toBe(2);
  });
});
