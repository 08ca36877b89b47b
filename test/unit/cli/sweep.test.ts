import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../../config/load.ts";
import { smallConfig } from "../synth.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "homelab-sweep-run-"));
  writeConfig("http://127.0.0.1:9");
});

function writeConfig(address: string): void {
  const volumes = { ...smallConfig().volumes, files: { source: { directory: "/srv/files" } } };
  const config = smallConfig({ nomad: { address }, volumes });
  writeFileSync(join(folder, "homelab.config.mjs"), `export default ${JSON.stringify(config)};\n`);
}

/** Runs `homelab sweep run` where no Nomad answers; real sweeps are in test/integration/sweep.test.ts. */
const run = (...args: string[]) => homelab("sweep", "run", ...args);

async function homelab(...args: string[]) {
  const { PATH } = process.env;
  return execa("node", [join(ROOT, "cli", "homelab.mjs"), ...args], {
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
  it("takes no larger script on this machine than it would on a client", async () => {
    writeFileSync(join(folder, "large.sh"), `# ${"x".repeat(300_000)}\n`);
    const { stderr, exitCode } = await run("--local", "--", "large.sh");
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: what each task gets: found 30\d{4} bytes, .* in large.sh; /),
    ]);
  });

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
    ["# SWEEP wait\n# SWEEP wait-timeout 1h", ["--no-wait"], "Nomad at http://127.0.0.1:9"],
    ["# SWEEP wait-timeout 1h", [], "--wait-timeout: expected --wait"],
  ])("does not do what the header says where it is told so: %j %j", async (header, no, told) => {
    writeFileSync(join(folder, "script.sh"), `${header}\ntrue\n`);
    const { stderr } = await run(...no, "--", "script.sh");
    expect(stderr).toContain(told);
  });
});

describe("a word before the options' end", () => {
  it.each([
    [["--map-over-values", "0.1", "0.2", "--wait", "--", "script.sh"], "found --wait behind 0.2"],
    [
      ["script.sh", "--map-over-values=1,2", "--local"],
      "found --map-over-values=1,2 behind script.sh",
    ],
    [["--wait", "false", "--", "script.sh"], "found -- behind false"],
  ])("does not make a command of the options: %j", async (words, found) => {
    writeFileSync(join(folder, "script.sh"), "true\n");
    const { exitCode, stderr } = await run("--local", "--dry-run", ...words);
    expect([exitCode, stderr]).toEqual([
      2,
      `error: the command: ${found}, which begins it; expected the options, then -- and the command`,
    ]);
  });

  it("may be the command, with what is no option of ours", async () => {
    writeFileSync(join(folder, "script.sh"), "true\n");
    for (const words of [
      ["script.sh", "--rate", "1"],
      ["--", "script.sh", "--wait", "--", "1"],
    ])
      expect((await run("--local", "--dry-run", ...words)).exitCode).toBe(0);
  });
});

describe("a shell's text in the command", () => {
  it("has a task's value as the shell has it, whatever is in it, and runs none of it", async () => {
    const value = `'"$(touch injected)";{"lr": 1}`;
    const text = 'printf "<%s>\\n" "$SWEEP_INPUT"';
    const values = ["--map-over-values", value, "--map-over-delimiter", "|"];
    const shells = [
      "sh -c",
      "bash -ec",
      "sh -c -e",
      "bash -c --",
      "env A=1 sh -c",
      "timeout 9 sh -c",
    ];
    for (const shell of shells) {
      const { stdout } = await run("--local", ...values, "--", ...shell.split(" "), text);
      expect(stdout).toContain(`[0] <${value}>`);
    }
    expect(existsSync(join(folder, "injected"))).toBe(false);
  });
});

describe("homelab sweep run --local --fail-fast", () => {
  it("tells apart what failed and what was not started", async () => {
    writeFileSync(join(folder, "script.sh"), "exit 3\n");
    const { stdout } = await run("--local", "--fail-fast", "--ntasks", "3", "--", "script.sh");
    expect(stdout).toMatch(/: 0 done, 1 failed, 2 not started; their folders are in /);
  });
});

describe("a script that another file of its name goes along with", () => {
  it("is refused, and not where that is the script itself", async () => {
    mkdirSync(join(folder, "sub"));
    for (const file of ["script.sh", "sub/script.sh"]) writeFileSync(join(folder, file), "true\n");
    const planned = (...words: string[]) => run("--local", "--dry-run", "--sync", "sub", ...words);
    const { exitCode, stderr } = await planned("--", "script.sh");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: what goes along: found sub/script.sh and script.sh; expected one file for script.sh of the tasks",
    ]);
    expect((await planned("--", "sub/script.sh")).exitCode).toBe(0);
    rmSync(join(folder, "sub", "script.sh"));
    symlinkSync("nowhere", join(folder, "sub", "script.sh"));
    const dangling = await planned("--", "script.sh");
    expect([dangling.exitCode, dangling.stderr.split("\n")]).toEqual([2, [expect.any(String)]]);
  });
});

describe("an option whose value was forgotten", () => {
  it("does not take the next option for it", async () => {
    writeFileSync(join(folder, "script.sh"), "true\n");
    const { exitCode, stderr } = await run("--map-over-values", "--wait", "--", "script.sh");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: --map-over-values: found the option --wait; expected a value",
    ]);
  });

  it("is told apart from values that only begin as one, for a script's own options", async () => {
    writeFileSync(join(folder, "script.sh"), "true\n");
    const values = "--map-over-values=--name=a,--name=b";
    const { stdout } = await run("--local", "--dry-run", values, "--", "script.sh");
    expect(stdout).toContain("0  --name=a\n1  --name=b\n");
  });
});

describe("a value of homelab files that was forgotten", () => {
  it("is not the next option", async () => {
    const { exitCode, stderr } = await homelab("files", "download", "x", "--into", "--json");
    expect([exitCode, stderr]).toEqual([
      2,
      "error: --into: found the option --json; expected a value",
    ]);
  });
});

describe("a server that is no Nomad", () => {
  it.each([
    [200, "a page of another server"],
    [404, "nothing"],
  ])("is told in a line, where it answers %i and %s", async (status, text) => {
    const server = createServer((_, response) => response.writeHead(status).end(text));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeConfig(address);
    writeFileSync(join(folder, "script.sh"), "true\n");
    try {
      const small = ["--driver", "raw_exec", "--outputs", "false", "--", "script.sh"];
      for (const args of [
        ["sweep", "list"],
        ["files", "list"],
        ["sweep", "run", ...small],
        ["sweep", "logs", "mine"],
        ["sweep", "stop", "mine"],
      ]) {
        const { exitCode, stderr } = await homelab(...args);
        expect([args[1], exitCode, stderr.split("\n").length]).toEqual([args[1], 3, 1]);
        expect(stderr).toContain(`Nomad at ${address}: `);
        expect(stderr).toContain("something answers there that is no Nomad; set nomad.address");
      }
    } finally {
      server.close();
    }
  });
});
