import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";
import { smallConfig } from "../synth.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "homelab-sweep-run-"));
  const config = smallConfig({ nomad: { address: "http://127.0.0.1:9" } });
  writeFileSync(join(folder, "homelab.config.mjs"), `export default ${JSON.stringify(config)};\n`);
});

/** Runs `homelab sweep run` where no Nomad answers; real sweeps are in test/integration/sweep.test.ts. */
async function run(...args: string[]) {
  const { PATH } = process.env;
  return execa("node", [join(ROOT, "cli", "homelab.mjs"), "sweep", "run", ...args], {
    cwd: folder,
    extendEnv: false,
    env: { PATH, TMPDIR: folder, HOMELAB_CONFIG: join(folder, "homelab.config.mjs") },
    stdin: "ignore",
    reject: false,
  });
}

describe("homelab sweep run --local", () => {
  const script = 'echo "ran $SWEEP_INPUT" >>"$MARK"\n';
  const task = () => ["--env", `MARK=${join(folder, "mark")}`, "--", "script.sh"];
  beforeEach(() => writeFileSync(join(folder, "script.sh"), script));

  it("with --dry-run shows what would be run, and runs nothing", async () => {
    const options = ["--local", "--dry-run", "--map-over-values", "a,b", "--name", "mine"];
    const { stdout, exitCode } = await run(...options, ...task());
    expect(stdout).toContain("export SWEEP_NAME=mine");
    expect(stdout.split("\n").slice(-3)).toEqual([
      "0  a",
      "1  b",
      "mine: 2 tasks; nothing was run",
    ]);
    expect(exitCode).toBe(0);
    const asJson = await run("--json", ...options, ...task());
    expect(JSON.parse(asJson.stdout)).toEqual({
      name: "mine",
      tasks: [
        { id: 0, value: "a" },
        { id: 1, value: "b" },
      ],
      script: expect.stringContaining("export SWEEP_NAME=mine"),
    });
    expect(existsSync(join(folder, "mark"))).toBe(false);
  });

  it("above 100 tasks wants --yes where there is no terminal", async () => {
    const { stderr, exitCode } = await run("--local", "--ntasks", "101", ...task());
    expect(stderr).toBe(
      "error: --yes: expected with 101 tasks, as more than 100 are asked about and there is no terminal",
    );
    expect(exitCode).toBe(2);
    expect(existsSync(join(folder, "mark"))).toBe(false);
  });
});

describe("homelab sweep run", () => {
  it("takes no GPU where it is told so, and the other tool's name of a spec", async () => {
    writeFileSync(join(folder, "script.sh"), "# COILED gpu true\ntrue\n");
    const planned = (...more: string[]) => run("--dry-run", ...more, "--", "script.sh");
    expect((await planned()).stdout).toContain('device "nvidia/gpu"');
    expect((await planned("--no-gpu")).stdout).not.toContain("nvidia/gpu");
    const { stderr } = await planned("--scheduler-sidecar-spec", "none.yaml");
    expect(stderr).toContain('--scheduler-sidecar-spec: found "none.yaml"; expected a text file');
  });

  it.each([
    ["# SWEEP fail-fast true", [], "--fail-fast: expected --wait with it"],
    ["# SWEEP fail-fast true", ["--no-fail-fast"], "Nomad at http://127.0.0.1:9"],
    ["# SWEEP wait\n# SWEEP wait-timeout 1h", [], "Nomad at http://127.0.0.1:9"],
    ["# SWEEP wait\n# SWEEP wait-timeout 1h", ["--no-wait"], "--wait-timeout: expected --wait"],
  ])("does not do what the header says where it is told so: %j %j", async (header, no, told) => {
    writeFileSync(join(folder, "script.sh"), `${header}\ntrue\n`);
    const { stderr } = await run(...no, "--", "script.sh");
    expect(stderr).toContain(told);
  });
});
