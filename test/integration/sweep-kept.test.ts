/** What is kept and shown of sweeps, with a real Nomad and the file server on a real folder. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sweepsAtWork } from "../../cli/files/at-work.ts";
import { list } from "../../cli/files/list.ts";
import { remove } from "../../cli/files/remove.ts";
import { uploadTo } from "../../cli/files/upload.ts";
import { type Context, contextOf } from "../../cli/sweep/context.ts";
import { afterSweep, keepBefore } from "../../cli/sweep/kept.ts";
import { ROOT } from "../../config/load.ts";
import { FileServer } from "../../files/file-server.ts";
import { gatherSweep } from "../../sweep/gather.ts";
import { type KeptSweep, keepStatus, readKept } from "../../sweep/kept.ts";
import { parseJob } from "../../sweep/register.ts";
import { sweepConfig } from "../sweep-config.ts";
import { freePorts, type NomadAgent, startNomadAgent } from "./nomad-agent.ts";

// The one of a command runs in a container.
vi.mock("../../files/helper.ts", () => ({
  withFileServer: (_: unknown, __: unknown, use: (server: FileServer) => unknown) => use(server),
}));

const TOKEN = "a-token";
const NO_RUNS = async () => new Map();

let directory: string;
let volume: string;
let agent: NomadAgent;
let python: ChildProcess;
let server: FileServer;
let mlflow: Server;
/** Of it: it has a run of the first task of each sweep. */
let tracker: string;
let context: Context;
/** What it was asked. */
const asked: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "homelab-kept-"));
  agent = await startNomadAgent(process.env.HOMELAB_TEST_NOMAD ?? "nomad", directory);
  server = await startFileServer();
  mlflow = createServer(({ url = "" }, response) => {
    asked.push(url);
    const info = { run_id: "r0", experiment_id: "1", start_time: 0 };
    const run = { info, data: { tags: [{ key: "sweep.index", value: "0" }] } };
    response.end(JSON.stringify({ experiments: [{ experiment_id: "1" }], runs: [run] }));
  });
  await new Promise<void>((done) => mlflow.listen(0, "127.0.0.1", done));
  tracker = `http://127.0.0.1:${(mlflow.address() as AddressInfo).port}`;
  const file = join(directory, "homelab.config.ts");
  writeFileSync(file, sweepConfig(agent.address).replace("http://127.0.0.1:9", tracker));
  vi.stubEnv("HOMELAB_CONFIG", file);
  vi.stubEnv("NOMAD_TOKEN", "");
  context = await contextOf();
});

afterAll(async () => {
  await server?.close();
  python?.kill("SIGKILL");
  mlflow?.close();
  await agent?.stop();
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(() => {
  asked.length = 0;
});

async function startFileServer(): Promise<FileServer> {
  volume = join(directory, "volume");
  write({ ".homelab-volume": "files\n" });
  const token = join(directory, "token");
  writeFileSync(token, TOKEN);
  const [port = 0] = await freePorts(1);
  const env = { FILES_ROOT: volume, FILES_VOLUME: "files", FILES_TOKEN: token, FILES_IDLE: "300" };
  python = spawn("python3", ["-B", join(ROOT, "files", "server", "serve.py")], {
    env: { ...process.env, ...env, FILES_HOST: "127.0.0.1", FILES_PORT: String(port) },
    stdio: "inherit",
  });
  const started = new FileServer(`http://127.0.0.1:${port}`, TOKEN, new AbortController().signal);
  await vi.waitUntil(() => started.isUp(), { timeout: 20_000 });
  return started;
}

/** Files on the volume. */
function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(volume, path)), { recursive: true });
    writeFileSync(join(volume, path), text);
  }
}

/** What the tasks of a sweep write there before their command. */
function begun(name: string, more: object = {}): void {
  const known = {
    name,
    command: "script.sh",
    failFast: false,
    submittedAt: "2026-01-02T03:04:05Z",
  };
  write({
    [`sweeps/${name}/sweep.json`]: JSON.stringify({ ...known, ...more }),
    [`sweeps/${name}/values`]: "0 a\n1 b\n",
  });
}

/** What a task writes there at its end. */
function ended(name: string, id: number, exitCode = 0): void {
  const times = { startedAt: "2026-01-02T03:05:00Z", finishedAt: "2026-01-02T03:06:00Z" };
  const at = { node: "m700", allocation: `allocation-${id}` };
  const record = { exitCode, id, index: id, value: "x", parameters: {}, ...times, ...at };
  write({ [`sweeps/${name}/tasks/${id}/task.json`]: JSON.stringify(record) });
}

const manifestPath = (name: string) => join(volume, "sweeps", name, "manifest.json");
const manifest = (name: string): KeptSweep => JSON.parse(readFileSync(manifestPath(name), "utf8"));
const told = ({ tasks }: KeptSweep) => tasks.map(({ state, exitCode }) => [state, exitCode]);
const options = ["--driver", "raw_exec", "--cpu", "10", "--memory", "10"];

/** A user's command line, in the directory with the script. */
function sweep(...args: string[]) {
  return execa("node", [join(ROOT, "cli", "homelab.mjs"), "sweep", ...args], {
    cwd: directory,
    stdin: "ignore",
    reject: false,
  });
}

/** In a jobspec. */
const SERVICE = 'homelab_mlflow_sweep_tracker = "service"';

/** Registers a sweep as one whose tasks' files are kept: these here have no volume. */
async function registerKept(
  name: string,
  script: string,
  { tracker = SERVICE, filestores }: { tracker?: string; filestores?: string } = {},
): Promise<void> {
  writeFileSync(join(directory, "script.sh"), script);
  const asked = ["--name", name, "--map-over-values", "a,b", "--dry-run", "--json"];
  const { stdout } = await sweep("run", ...options, ...asked, "--", "script.sh", "$SWEEP_INPUT");
  const { job } = JSON.parse(stdout);
  const stores = filestores ? `\nhomelab_mlflow_sweep_filestores = "${filestores}"` : "";
  const hcl = job.replace(/(homelab_mlflow_sweep_kept"?\s*=\s*)"false"/, `$1"true"${stores}`);
  expect(hcl).not.toBe(job);
  const path = `nomad/jobs/${name}/sweep/task`;
  await context.nomad.put(`/var/${path}`, { Path: path, Items: { secrets: "\n", only: "\n" } });
  await context.nomad.post("/jobs", {
    Job: await parseJob(context.nomad, hcl.replace(SERVICE, tracker)),
  });
}

async function untilState(name: string, state: string): Promise<void> {
  const now = async () => (await gatherSweep(context.nomad, name)).state;
  await expect.poll(now, { timeout: 60_000, interval: 200 }).toBe(state);
}

describe("the manifest of a sweep that Nomad has forgotten", () => {
  it("is written from what the tasks have left, with the runs of the MLflow they logged to", async () => {
    begun("forgotten", { tracker: "http://elsewhere.lan" });
    ended("forgotten", 0);
    const trackers: string[] = [];
    const run = { id: "r0", experiment: "1", url: "http://elsewhere.lan/#/experiments/1/runs/r0" };
    const runsOf = async (each: string) => {
      trackers.push(each);
      return new Map([[0, run]]);
    };
    const found = await readKept(server, "forgotten", runsOf);
    expect(found && told(found)).toEqual([
      ["done", 0],
      ["missing", undefined],
    ]);
    expect(manifest("forgotten")).toEqual(found);
    expect(found?.tasks[0]?.run).toEqual(run);
    await readKept(server, "forgotten", runsOf);
    expect(trackers).toEqual(["http://elsewhere.lan"]);
  });

  it("is written anew when a task has ended since, with the runs that were known before", async () => {
    begun("later", { tracker: "sidecar:5000" });
    ended("later", 0);
    const run = { id: "r0", experiment: "1", url: "http://10.0.0.1:23456/#/experiments/1/runs/r0" };
    await readKept(server, "later", async () => new Map([[0, run]]));
    ended("later", 1, 3);
    const found = await readKept(server, "later", NO_RUNS);
    expect(found && told(found)).toEqual([
      ["done", 0],
      ["failed", 3],
    ]);
    expect(manifest("later").tasks.map((task) => task.run)).toEqual([run, undefined]);
  });

  it("keeps why Nomad said that a task was killed, which left nothing", async () => {
    begun("killed");
    ended("killed", 0, 1);
    await registerKept("killed", 'test "$1" = a || kill -9 $$');
    await untilState("killed", "failed");
    await keepStatus(server, await gatherSweep(context.nomad, "killed"), new Map());
    const before = statSync(manifestPath("killed")).mtimeMs;
    // Whoever has it is not given it again.
    await keepStatus(server, await gatherSweep(context.nomad, "killed"), new Map());
    expect(statSync(manifestPath("killed")).mtimeMs).toBe(before);
    ended("killed", 0);
    const found = await readKept(server, "killed", NO_RUNS);
    expect(found && told(found)).toEqual([
      ["done", 0],
      ["failed", 137],
    ]);
    expect(found?.tasks.map(({ log }) => log)).toEqual(["tasks/0/output.log", undefined]);
  });

  it("is written anew where somebody has damaged it", async () => {
    begun("damaged");
    ended("damaged", 0);
    write({ "sweeps/damaged/manifest.json": '{"name":' });
    expect(await readKept(server, "damaged", NO_RUNS)).toEqual(manifest("damaged"));
  });

  it("is told that it can't be written, where what was asked for is damaged", async () => {
    begun("torn");
    write({ "sweeps/torn/sweep.json": '{"name":' });
    await expect(readKept(server, "torn", NO_RUNS)).rejects.toMatchObject({
      problems: [expect.stringMatching(/^sweep\.json of the sweep: found no JSON in it; /)],
    });
  });

  it("is not there of a sweep that left nothing", async () => {
    expect(await readKept(server, "nothing", NO_RUNS)).toBeUndefined();
  });
});

describe("homelab sweep open", () => {
  it("names the file store of a sidecar that has ended, or says that it had none", async () => {
    const opened = async (name: string, stores?: string) => {
      const tracker = SERVICE.replace("service", "sidecar:5000");
      const key = SERVICE.replace(/ .*/, "_stores");
      const known = stores === undefined ? "" : `\n${key} = "${stores}"\n`;
      await registerKept(name, "true", { tracker: `${tracker}${known}` });
      return (await sweep("open", name)).stderr;
    };
    const status = (name: string) =>
      `error: ${name}: its MLflow is a sidecar that does not run; npx homelab sweep status ${name} tells of its tasks; `;
    const commands = (store: string, name: string) =>
      `npx homelab files download ${store} --into DIR, then npx homelab sweep open ${name} --data DIR`;
    expect(await opened("with-store", "runs")).toBe(
      `${status("with-store")}${commands("runs", "with-store")} opens what it kept there`,
    );
    expect(await opened("no-store", "")).toBe(
      `${status("no-store")}it had no file store to keep its runs in`,
    );
    expect(await opened("old-job")).toContain(`${commands("STORE", "old-job")} opens`);
  });
});

describe("the files of a sweep that are asked for", () => {
  const noticesOf = async (name: string) => {
    const said = vi.spyOn(console, "error").mockReturnValue(undefined);
    await keepBefore(context, server, name);
    const lines = said.mock.calls.flat();
    said.mockRestore();
    return lines;
  };

  it("have a manifest with what Nomad knows, when the sweep has ended", async () => {
    const go = join(directory, "go");
    begun("asked-for");
    await registerKept("asked-for", `until test -e ${go}; do sleep 0.1; done; kill -9 $$`);
    expect(await noticesOf("asked-for")).toEqual([
      "asked-for: it still runs; this is what there is so far",
    ]);
    expect(existsSync(manifestPath("asked-for"))).toBe(false);
    writeFileSync(go, "");
    await untilState("asked-for", "failed");
    expect(await noticesOf("asked-for")).toEqual([]);
    expect(told(manifest("asked-for"))).toEqual([
      ["failed", 137],
      ["failed", 137],
    ]);
    expect(manifest("asked-for").tasks.map(({ run }) => run?.url)).toEqual([
      `${tracker}/#/experiments/1/runs/r0`,
      undefined,
    ]);
  });

  it("have a manifest from the volume, when Nomad has forgotten the sweep", async () => {
    begun("old", { tracker });
    ended("old", 0);
    expect(await noticesOf("old")).toEqual([]);
    expect(manifest("old")).toMatchObject({ state: "incomplete", tracker });
    expect(manifest("old").tasks[0]?.run?.url).toBe(`${tracker}/#/experiments/1/runs/r0`);
  });

  it("have no runs in it where the MLflow was a sidecar, and nobody else is asked for them", async () => {
    begun("own", { tracker: "sidecar:5000" });
    ended("own", 0);
    expect(await noticesOf("own")).toEqual([
      "own: its runs are not listed, as its MLflow was a sidecar and has ended; npx homelab files download STORE --into DIR, then npx homelab sweep open own --data DIR opens what it kept in a file store; npx homelab files list shows the stores",
    ]);
    expect(manifest("own").tasks.some(({ run }) => run)).toBe(false);
    expect(asked).toEqual([]);
  });

  it("are said to be without runs with the file store of a sidecar, or that it had none", async () => {
    const kept = { tracker: "sidecar:5000", trackerStores: ["own-mlflow"] };
    begun("stored", kept);
    begun("storeless", { ...kept, trackerStores: [] });
    expect(await noticesOf("stored")).toEqual([
      expect.stringMatching(/ has ended; npx homelab files download own-mlflow --into DIR, then /),
    ]);
    expect(await noticesOf("storeless")).toEqual([
      expect.stringMatching(/ has ended; it had no file store to keep its runs in$/),
    ]);
    expect(manifest("stored")).toMatchObject(kept);
  });
});

describe("a file store", () => {
  const usersOf = async (store: string) => (await sweepsAtWork(context, store)).user;

  it("is used by a sweep that runs, and no longer when that has ended", async () => {
    const go = join(directory, "go-on");
    await registerKept("busy", `until test -e ${go}; do sleep 0.1; done`, {
      filestores: "images,more",
    });
    const target = expect.objectContaining({ namespace: "default" });
    for (const store of ["images", "more"])
      expect(await usersOf(store)).toEqual({ sweep: "busy", target });
    expect(await usersOf("mor")).toBeUndefined();
    expect(await sweepsAtWork(context, "busy")).toEqual({
      own: { sweep: "busy", target },
      user: undefined,
    });
    writeFileSync(go, "");
    await untilState("busy", "done");
    expect(await usersOf("images")).toBeUndefined();
    expect((await sweepsAtWork(context, "busy")).own).toBeUndefined();
  });
});

describe("a command on files", () => {
  const refused = (work: Promise<void>, line: RegExp) =>
    expect(work).rejects.toMatchObject({ exitCode: 2, problems: [expect.stringMatching(line)] });
  const yes = { yes: true };
  let before: string | undefined;

  beforeAll(() => {
    before = process.env.HOMELAB_CONFIG;
    const file = join(directory, "with-files.config.ts");
    const files = `volumes: { files: { source: { directory: "${volume}" } },`;
    writeFileSync(file, sweepConfig(agent.address).replace("volumes: {", files));
    vi.stubEnv("HOMELAB_CONFIG", file);
  });
  afterAll(() => {
    vi.stubEnv("HOMELAB_CONFIG", before);
  });

  it("says so where there is nothing at a path, in a line", async () => {
    write({ "plain/a": "" });
    const line = /^plain\/no\/path: there is nothing; npx homelab files list plain shows/;
    await refused(list("plain", "no/path", {}), line);
    await refused(remove("plain", "no/path/", yes), line);
  });

  it("deletes no store of a sweep that is not at its end, and nothing in it", async () => {
    const go = join(directory, "go-away");
    write({ "inputs/x": "" });
    await registerKept("at-work", `until test -e ${go}; do sleep 0.1; done`, {
      filestores: "inputs",
    });
    const line =
      /^inputs: the sweep at-work, which uses the store, is not at its end, .*npx homelab sweep stop at-work ends it$/;
    await refused(remove("inputs", undefined, yes), line);
    await refused(remove("inputs", "x", yes), line);
    expect(existsSync(join(volume, "inputs", "x"))).toBe(true);
    writeFileSync(go, "");
    await untilState("at-work", "done");
    await remove("inputs", undefined, yes);
    expect(existsSync(join(volume, "inputs"))).toBe(false);
  });

  it("makes no store that hides a sweep's files", async () => {
    begun("hidden");
    const line = /^--store: found hidden, a sweep whose files are kept/;
    await refused(uploadTo(join(volume, "plain"), { store: "hidden" }), line);
    expect(existsSync(join(volume, "hidden"))).toBe(false);
  });

  it("brings a sweep's files and says where they are, or how they can be got", async () => {
    const into = join(directory, "into");
    const sweep = { ...manifest("asked-for"), name: "back" };
    const back = async () => {
      const said: string[] = [];
      await afterSweep(await contextOf(), sweep, { download: into }, (line) => said.push(line));
      return said;
    };
    begun("back");
    write({ "sweeps/back/tasks/0/files/x": "1" });
    expect(await back()).toEqual([`back: 1 file to ${into}`]);
    write({ "sweeps/back/tasks/0/files/x": "another" });
    expect(await back()).toEqual([
      `back: 1 file to ${into}/back`,
      `${into} has another 0/x already, which nothing is written over: all is in ${into}/back`,
    ]);
    write({ "sweeps/back/tasks/0/files/x": "and another" });
    await expect(back()).rejects.toMatchObject({
      exitCode: 1,
      problems: [
        `${into}: found another 0/x here already, and another back/0/x; npx homelab files download back --into ${into}/back-2 gets what the tasks made`,
      ],
    });
  });
});
