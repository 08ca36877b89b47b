/** File stores, and what goes up and comes back with a sweep, on the lab. */
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KeptSweep } from "../../sweep/kept.ts";
import { Checkout } from "../checkout.ts";
import { nomad, settings } from "../deployed.ts";
import { isLate } from "../time-left.ts";

const late = isLate("file stores and files of sweeps");

let checkout: Checkout;
const volume = settings.volumes.files;

beforeAll(async () => {
  checkout = await Checkout.create("files");
  checkout.configure("");
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
});

afterAll(async () => {
  // deploy.test.ts begins with nothing deployed.
  await checkout?.make("destroy", "YES=1");
});

/** A command of a user's, in the folder of the checkout. */
async function homelab(...args: string[]) {
  const run = await execa("node", ["cli/homelab.mjs", ...args], {
    cwd: checkout.directory,
    stdin: "ignore",
    reject: false,
  });
  return { stdout: run.stdout, stderr: run.stderr, exitCode: run.exitCode };
}

async function well(...args: string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await homelab(...args);
  expect(exitCode, `${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

const SMALL = ["--cpu", "50", "--memory", "100", "--wait"];
const sweep = (...args: string[]) => homelab("sweep", "run", ...SMALL, ...args);

function write(files: Record<string, string | Buffer>): string {
  const folder = mkdtempSync(join(tmpdir(), "homelab-e2e-files-"));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** All files below a folder, by what is in them. */
function contents(at: string, before = ""): Record<string, string> {
  return Object.fromEntries(
    readdirSync(at, { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const [file, path] = [join(at, entry.name), before + entry.name];
        if (entry.isDirectory()) return Object.entries(contents(file, `${path}/`));
        return [[path, createHash("sha256").update(readFileSync(file)).digest("hex")]];
      }),
  );
}

/** What a command on the volume leaves nothing of. */
async function helpers(): Promise<string[]> {
  const jobs = (await nomad.get<{ ID: string }[]>("/jobs", { prefix: "homelab-files-" })) ?? [];
  const vars =
    (await nomad.get<{ Path: string }[]>("/vars", { prefix: "nomad/jobs/homelab-files-" })) ?? [];
  return [...jobs.map(({ ID }) => ID), ...vars.map(({ Path }) => Path)];
}

describe.skipIf(late)("a file store", () => {
  const source = write({
    "a.txt": "hello",
    "deep/er/large.bin": randomBytes(20_000_000),
    "run.sh": "#!",
    ".gitignore": "*.tmp\n",
    "x.tmp": "",
    ".git/HEAD": "ref",
  });

  it("takes a folder and gives it back, byte for byte, and leaves no helper behind", async () => {
    expect(await well("files", "upload", source, "--store", "images")).toMatch(
      /^images: 4 files sent \(19.1 MiB\), 0 there already$/,
    );
    expect(await well("files", "upload", source, "--store", "images")).toContain(
      "0 files sent (0 B), 4 there already",
    );
    const into = join(write({}), "into");
    await well("files", "download", "images", "--into", into);
    const { "x.tmp": _, ".git/HEAD": __, ...sent } = contents(source);
    expect(contents(into)).toEqual(sent);
    expect(Math.floor(statSync(join(into, "a.txt")).mtimeMs / 10)).toBe(
      Math.floor(statSync(join(source, "a.txt")).mtimeMs / 10),
    );
    expect(statSync(join(volume, "images", "a.txt")).uid).toBe(1000);
    expect(await helpers()).toEqual([]);
  });

  it("is listed, for people and programs", async () => {
    expect(await well("files", "list")).toMatch(/ store {2}images$/m);
    expect(await well("files", "list", "images", "deep")).toMatch(/19.1 MiB {2}er\/large.bin$/m);
    const entries = JSON.parse(await well("files", "list", "images", "--json", "--sha256"));
    const sha256 = createHash("sha256").update("hello").digest("hex");
    expect(entries).toContainEqual(expect.objectContaining({ path: "a.txt", size: 5, sha256 }));
    expect(await homelab("files", "list", "images", "nope")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(
        "error: images/nope: there is nothing; npx homelab files list",
      ),
    });
  });

  it("gives what a filter names, and writes over nothing unasked", async () => {
    const into = write({ "a.txt": "mine", "run.sh": "mine too" });
    const refused = await homelab("files", "download", "images", "--into", into);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr.split("\n").sort()).toEqual(
      ["a.txt", "run.sh"].map((name) =>
        expect.stringContaining(`error: ${into}/${name}: is here already, and another`),
      ),
    );
    expect(readFileSync(join(into, "a.txt"), "utf8")).toBe("mine");
    await well("files", "download", "images", "--into", into, "--filter", "*.txt", "--overwrite");
    expect(readdirSync(into).sort()).toEqual(["a.txt", "run.sh"]);
    expect(readFileSync(join(into, "a.txt"), "utf8")).toBe("hello");
  });

  it("is deleted where that is said, and only then", async () => {
    const asked = await homelab("files", "rm", "images");
    expect(asked).toMatchObject({ exitCode: 2, stdout: "" });
    expect(asked.stderr).toContain("files rm asks first, and there is no terminal: use --yes");
    expect(await homelab("files", "rm", "images", "nope", "--yes")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(
        "error: images/nope: there is nothing; npx homelab files list",
      ),
    });
    await well("files", "rm", "images", "a.txt", "--yes");
    expect(existsSync(join(volume, "images", "a.txt"))).toBe(false);
    await well("files", "rm", "images", "--yes");
    expect(existsSync(join(volume, "images"))).toBe(false);
    expect((await homelab("files", "rm", "images", "--yes")).stderr).toMatch(
      /^error: images: no store or sweep of that name; stores: /,
    );
  });

  it("is left as it was by Ctrl-C, with no helper", async () => {
    const large = write({ one: Buffer.alloc(300_000_000, "x"), two: "" });
    const run = execa("node", ["cli/homelab.mjs", "files", "upload", large, "--store", "cut"], {
      cwd: checkout.directory,
      reject: false,
    });
    const cut = join(volume, "cut");
    const there = () => existsSync(cut) && readdirSync(cut).join().includes(".uploading");
    for (const end = Date.now() + 60_000; !there() && Date.now() < end; ) await sleep(20);
    run.kill("SIGINT");
    const { exitCode, stderr } = await run;
    expect(exitCode, stderr).toBe(130);
    expect(stderr).toContain("interrupted: what is complete stays");
    // Small files go first.
    await expect.poll(() => readdirSync(cut), { timeout: 20_000 }).toEqual(["two"]);
    expect(await helpers()).toEqual([]);
    await well("files", "upload", large, "--store", "cut");
    expect(contents(join(volume, "cut"))).toEqual(contents(large));
    await well("files", "rm", "cut", "--yes");
  });

  it("is refused with all that is wrong at once", async () => {
    const { stderr, exitCode } = await homelab("files", "upload", "/none", "--store", "a/b");
    expect(exitCode).toBe(2);
    expect(stderr.split("\n")).toEqual([
      "error: /none: expected a folder that is there",
      expect.stringContaining('error: --store: found "a/b"; expected the name of a store'),
    ]);
  });
});

describe.skipIf(late)("the files of a sweep", () => {
  const folder = write({
    "train.py": `import pathlib, sys
value = sys.argv[1]
data = pathlib.Path("data/x.csv").read_text()
pathlib.Path(f"model-{value}.txt").write_text(data + value)
with open("shared.log", "a") as log:
    log.write(value)
print("value", value)
print("warned", file=sys.stderr)
`,
    "data/x.csv": "1,2\n",
    "data/ignored.bin": "x",
    ".gitignore": "*.bin\n",
  });

  it("come back to where they were sent from, with a manifest that outlives Nomad's memory", async () => {
    const args = ["--name", "synced", "--sync", folder, "--map-over-values", "a,b"];
    const { stdout, stderr, exitCode } = await sweep(
      ...args,
      ...["--", join(folder, "train.py"), "$SWEEP_INPUT"],
    );
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stderr).toContain("synced: 3 files sent");
    expect(stdout).toContain(
      "several tasks made shared.log; each task's is in a folder of its number",
    );
    expect(Object.keys(contents(folder))).toEqual([
      ...[".gitignore", "0/shared.log", "1/shared.log", "data/ignored.bin", "data/x.csv"],
      ...["model-a.txt", "model-b.txt", "train.py"],
    ]);
    expect(readFileSync(join(folder, "model-b.txt"), "utf8")).toBe("1,2\nb");

    await nomad.delete("/job/synced", { purge: "true" });
    await nomad.put("/system/gc", {});
    await expect.poll(() => nomad.get("/job/synced"), { timeout: 30_000 }).toBeUndefined();
    const status = await homelab("sweep", "status", "synced");
    expect(status.exitCode, status.stderr).toBe(0);
    expect(status.stdout).toMatch(/^0 +a +done +0 /m);
    expect(status.stdout).toContain("Nomad has forgotten it; npx homelab files download synced");
    const into = join(write({}), "into");
    await well("files", "download", "synced", "--into", into);
    const manifest = JSON.parse(readFileSync(join(into, "manifest.json"), "utf8")) as KeptSweep;
    expect(manifest.tasks.map(({ value, exitCode, log }) => [value, exitCode, log])).toEqual([
      ["a", 0, "tasks/0/output.log"],
      ["b", 0, "tasks/1/output.log"],
    ]);
    const log = readFileSync(join(into, "tasks/1/output.log"), "utf8");
    // The two outputs may run into each other, in the middle of a line, too.
    expect([...log].sort()).toEqual([..."value b\nwarned\n"].sort());
    expect(readFileSync(join(into, "tasks/1/files/model-b.txt"), "utf8")).toBe("1,2\nb");
    const hiding = await homelab("files", "upload", into, "--store", "synced");
    expect([hiding.exitCode, hiding.stderr]).toEqual([
      2,
      expect.stringContaining("error: --store: found synced, a sweep whose files are kept"),
    ]);
    expect(existsSync(join(volume, "synced"))).toBe(false);
    const again = await sweep(...args, "--", "true");
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain("--name synced: the volume for files has what an earlier sweep");
  });

  it("come to a folder of each task's, of those that failed as well", async () => {
    checkout.write("fails.sh", 'cat a/one; echo "$1" > out; test "$1" = x\n');
    const up = join(write({ "a/one": "1\n" }), "a");
    const out = join(write({}), "out");
    const { stdout, stderr, exitCode } = await sweep(
      ...["--name", "down", "--upload", up, "--download", out, "--map-over-values", "x,y"],
      ...["--", "fails.sh", "$SWEEP_INPUT"],
    );
    expect(exitCode, stdout + stderr).toBe(1);
    expect(Object.keys(contents(out))).toEqual(["0/out", "1/out"]);
    expect(stdout).toContain(`down: 2 files to ${out}`);
    const retried = await homelab("sweep", "retry", "down", "--failed", "--wait");
    expect(retried.exitCode, retried.stderr).toBe(1);
    await homelab("sweep", "stop", "down");
  });

  it("are shared by two sweeps that have one store", async () => {
    checkout.write("put.sh", 'echo "$1" > /scratch/filestores/common/$1\n');
    checkout.write("get.sh", "cat /scratch/filestores/common/*\n");
    const store = ["--filestore", "common"];
    const first = await sweep(
      ...["--name", "put", ...store, "--map-over-values", "p,q", "--", "put.sh", "$SWEEP_INPUT"],
    );
    expect(first.exitCode, first.stdout + first.stderr).toBe(0);
    const second = await sweep("--name", "get", ...store, "--", "get.sh");
    expect(second.exitCode, second.stdout + second.stderr).toBe(0);
    expect(await well("sweep", "logs", "get")).toBe("p\nq");
    await well("files", "rm", "common", "--yes");
  });

  it("are of a task that is done once, though Nomad runs it twice", async () => {
    checkout.write("once.sh", "echo run >> /scratch/filestores/counted/runs\n");
    const args = ["--name", "once", "--filestore", "counted", "--", "once.sh"];
    const { stdout, stderr, exitCode } = await sweep(...args);
    expect(exitCode, stdout + stderr).toBe(0);
    const job = await nomad.get<object>("/job/once");
    await nomad.delete("/job/once", { purge: "true" });
    await nomad.put("/var/nomad/jobs/once/sweep/task", {
      Path: "nomad/jobs/once/sweep/task",
      Items: { secrets: "\n", only: "\n" },
    });
    await nomad.post("/jobs", { Job: { ...job, Stop: false } });
    await well("sweep", "wait", "once");
    expect(await well("sweep", "logs", "once")).toContain("task 0 is done already");
    expect(readFileSync(join(volume, "counted", "runs"), "utf8")).toBe("run\n");
    await well("files", "rm", "counted", "--yes");
  });

  it("are deleted when the sweep was stopped, and not while it may be retried", async () => {
    checkout.write("failing.sh", "exit 1\n");
    const { stdout, stderr, exitCode } = await sweep("--name", "failing", "--", "failing.sh");
    expect(exitCode, stdout + stderr).toBe(1);
    const early = await homelab("files", "rm", "failing", "--yes");
    expect([early.exitCode, early.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: failing: the sweep is not at its end, /),
    ]);
    await well("sweep", "stop", "failing");
    await well("files", "rm", "failing", "--yes");
    expect(existsSync(join(volume, "sweeps", "failing"))).toBe(false);
  });

  it("can't be had where there is no volume, or not by a name with a slash", async () => {
    const { stderr, exitCode } = await sweep(
      ...["--filestore", "a/b", "--sync", "/none", "--driver", "raw_exec", "--outputs", "true"],
      ...["--", "true"],
    );
    expect(exitCode).toBe(2);
    expect(stderr.split("\n")).toEqual([
      expect.stringContaining('error: --filestore: found "a/b"; expected the name of a store'),
      'error: --sync: found "/none"; expected a folder that is there',
      "error: --outputs: not together with --driver raw_exec, whose tasks have no volumes",
    ]);
  });

  it("of a task that is stopped are kept as far as they were", async () => {
    checkout.write(
      "long.py",
      `import signal, sys, time
open("begun", "w").write("x")
print("begun", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    open("interrupted", "w").write("x")
    sys.exit(3)
`,
    );
    const run = sweep("--name", "stopped", "--", "long.py");
    await expect
      .poll(async () => (await homelab("sweep", "logs", "stopped")).stdout, { timeout: 120_000 })
      .toContain("begun");
    await well("sweep", "stop", "stopped");
    expect((await run).exitCode).toBe(1);
    const files = join(volume, "sweeps", "stopped", "tasks", "0", "files");
    await expect.poll(() => existsSync(files), { timeout: 30_000 }).toBe(true);
    expect(readdirSync(files).sort()).toEqual(["begun", "interrupted"]);
  });
});
