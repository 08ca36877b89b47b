/** The file server with a real Python, and what speaks with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { pack } from "tar-stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { expectNotOfSweep } from "../../cli/files/context.ts";
import { UserError } from "../../config/errors.ts";
import { ROOT } from "../../config/load.ts";
import { download } from "../../files/download.ts";
import { FileServer, FileServerGone } from "../../files/file-server.ts";
import { planHere } from "../../files/plan-here.ts";
import { scan } from "../../files/scan.ts";
import { upload } from "../../files/upload.ts";
import { bringBack } from "../../sweep/bring-back.ts";
import { freePorts } from "./nomad-agent.ts";

const TOKEN = "a-token";
let folder: string;
let volume: string;
let port: number;
let python: ChildProcess;
let said = "";
const servers: FileServer[] = [];

function fileServer(at = port, token = TOKEN, signal = new AbortController().signal): FileServer {
  const server = new FileServer(`http://127.0.0.1:${at}`, token, signal);
  servers.push(server);
  return server;
}

function start(at: number, environment: Record<string, string> = {}): ChildProcess {
  const env = {
    ...process.env,
    PYTHONDONTWRITEBYTECODE: "1",
    ...{ FILES_ROOT: volume, FILES_VOLUME: "files", FILES_TOKEN: join(folder, "token") },
    ...{ FILES_HOST: "127.0.0.1", FILES_PORT: String(at), FILES_IDLE: "300" },
    ...environment,
  };
  const child = spawn("python3", [join(ROOT, "files", "server", "serve.py")], { env });
  child.stderr?.on("data", (data) => {
    said += data;
  });
  return child;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "homelab-files-"));
  volume = join(folder, "volume");
  mkdirSync(volume);
  writeFileSync(join(volume, ".homelab-volume"), "files\nmore\n");
  writeFileSync(join(folder, "token"), `${TOKEN}\n`);
  [port = 0] = await freePorts(1);
  python = start(port);
  const server = fileServer();
  for (const end = Date.now() + 20_000; !(await server.isUp()); await sleep(50))
    if (Date.now() > end) throw new Error(`the server did not start: ${said}`);
});

afterAll(async () => {
  for (const each of servers) await each.close();
  python?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

let here: string;
beforeEach(() => {
  here = mkdtempSync(join(folder, "here-"));
});

function write(files: Record<string, string | Buffer>, at = here): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), content);
  }
}

async function up(store: string, from = here, server = fileServer()) {
  const { entries, problems } = await scan(from);
  expect(problems).toEqual([]);
  return upload(server, from, entries, store);
}

async function down(store: string, into: string, more = {}, server = fileServer()) {
  const plan = await planHere(server, store, { into, overwrite: false, ...more });
  if (plan.problems.length === 0) await download(server, store, into, plan);
  return plan;
}

/** All files below a folder, with what is in them. */
function contents(at: string, before = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(at).sort()) {
    const file = join(at, name);
    const status = lstatSync(file);
    const path = before + name;
    if (status.isDirectory()) Object.assign(found, contents(file, `${path}/`));
    else if (status.isSymbolicLink()) found[path] = `-> ${readlinkSync(file)}`;
    else found[path] = createHash("sha256").update(readFileSync(file)).digest("hex");
  }
  return found;
}

const problemsOf = (work: Promise<unknown>) =>
  work.then(
    () => [] as readonly string[],
    (error) => {
      if (error instanceof UserError) return error.problems;
      throw error;
    },
  );

describe("files that go up and come down", () => {
  it("are the same, with their times, modes, names and links", async () => {
    const name = `é 漢 ${"long ".repeat(40)}`;
    write({ a: "", "deep/er/b.bin": randomBytes(3_000_000), [name]: "x", "deep/run.sh": "#!" });
    write({ "deep/large": randomBytes(20_000_001) });
    chmodSync(join(here, "deep/large"), 0o750);
    utimesSync(join(here, "deep/large"), 1_600_000_000.654321, 1_600_000_000.654321);
    symlinkSync("er/b.bin", join(here, "deep", "link"));
    mkdirSync(join(here, "empty"));
    utimesSync(join(here, "a"), 1_700_000_000.123456, 1_700_000_000.123456);
    writeFileSync(join(here, "deep/run.sh"), "#!", { mode: 0o755 });
    const before = statSync(join(here, "a"));
    expect(await up("same")).toMatchObject({ sent: 6, same: 0 });
    expect(contents(join(volume, "same"))).toEqual(contents(here));
    const there = statSync(join(volume, "same", "a"), { bigint: true });
    expect(there.mtimeNs).toBe(statSync(join(here, "a"), { bigint: true }).mtimeNs);

    const into = join(folder, "same-again");
    await down("same", into);
    expect(contents(into)).toEqual(contents(here));
    expect(statSync(join(into, "empty")).isDirectory()).toBe(true);
    expect(statSync(join(into, "a")).mtimeMs).toBeCloseTo(before.mtimeMs, 1);
    for (const path of ["deep/run.sh", "deep/large"]) {
      const [came, went] = [statSync(join(into, path)), statSync(join(here, path))];
      expect(came.mode, path).toBe(went.mode);
      expect(came.mtimeMs, path).toBeCloseTo(went.mtimeMs, 1);
    }
  });

  it("are many and large without a word of Node about it", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `f${index}`);
    write(Object.fromEntries(names.map((name) => [name, Buffer.alloc(17_000_000, name)])));
    const warnings: string[] = [];
    const hear = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", hear);
    // A command has one signal for all that it does.
    const server = fileServer();
    await up("many", here, server);
    const into = join(folder, "many-down");
    await down("many", into, {}, server);
    await sleep(100);
    process.off("warning", hear);
    expect(warnings).toEqual([]);
    expect(contents(into)).toEqual(contents(here));
  });

  it("are sent once: the next time only what differs", async () => {
    write({ a: "one", b: "two", "c/d": "three" });
    await up("once");
    expect(await up("once")).toMatchObject({ sent: 0, same: 3 });
    write({ b: "TWO!" });
    expect(await up("once")).toMatchObject({ sent: 1, bytes: 4, same: 2 });
    const into = join(folder, "once-down");
    expect((await down("once", into)).files).toHaveLength(3);
    expect((await down("once", into)).files).toHaveLength(0);
  });

  it("are refused by name, all of them, where others are here, and nothing is written", async () => {
    write({ a: "one", b: "two", c: "three" });
    await up("others");
    const into = join(folder, "others-down");
    write({ a: "mine", b: "mine too" }, into);
    const { problems } = await down("others", into);
    expect(problems.map((each) => each.replace(/: is here.*/, "")).toSorted()).toEqual(
      ["a", "b"].map((each) => `${into}/${each}`),
    );
    expect(readdirSync(into).sort()).toEqual(["a", "b"]);
    await down("others", into, { overwrite: true });
    expect(contents(into)).toEqual(contents(here));
  });

  it("that were changed while they were sent are told of", async () => {
    write({ a: "one", b: "two", large: randomBytes(20_000_000) });
    const { entries } = await scan(here);
    write({ b: "twice", large: randomBytes(20_000_001) });
    expect(await problemsOf(upload(fileServer(), here, entries, "changed"))).toEqual(
      ["b", "large"].map((each) => `${here}/${each}: was changed while it was sent; run it again`),
    );
    write({ large: "x" });
    expect(await problemsOf(upload(fileServer(), here, entries, "shorter"))).toEqual([
      `${here}/large: it became shorter while it was sent; run it again`,
    ]);
    rmSync(join(here, "large"));
    expect((await problemsOf(upload(fileServer(), here, entries, "gone-here"))).join()).toContain(
      `${here}/large: `,
    );
    for (const store of ["shorter", "gone-here"])
      expect(readdirSync(join(volume, store)).sort()).toEqual(["a", "b"]);
  });

  it("that are gone when they are asked for are told of, and the others are there", async () => {
    write({ small: "one", large: randomBytes(20_000_000), other: randomBytes(20_000_000) });
    await up("going");
    const into = join(folder, "going-down");
    const plan = await planHere(fileServer(), "going", { into, overwrite: false });
    rmSync(join(volume, "going", "small"));
    rmSync(join(volume, "going", "large"));
    expect(await problemsOf(download(fileServer(), "going", into, plan))).toEqual(
      ["small", "large"].map((each) => `${each}: is gone from going since; run it again`),
    );
    expect(readdirSync(into)).toEqual(["other"]);
  });

  it("do not come through a link that has taken their place", async () => {
    write({ large: randomBytes(20_000_000) });
    await up("swapped");
    const into = join(folder, "swapped-down");
    const plan = await planHere(fileServer(), "swapped", { into, overwrite: false });
    rmSync(join(volume, "swapped", "large"));
    symlinkSync(join(here, "large"), join(volume, "swapped", "large"));
    expect(await problemsOf(download(fileServer(), "swapped", into, plan))).toEqual([
      "'large': found another thing, expected a file",
    ]);
    expect(readdirSync(into)).toEqual([]);
  });

  // It mounts a small disk, which root alone may.
  it.skipIf(process.getuid?.() !== 0).each([4_000_000, 30_000_000])(
    "of %d bytes that find a full disk leave what was complete, and no half file",
    async (size) => {
      write({ large: randomBytes(size), small: "x" });
      const store = `full-${size}`;
      await up(store);
      const into = join(folder, `${store}-down`);
      mkdirSync(into);
      await execa("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", into]);
      try {
        write({ mine: "precious" }, into);
        expect(await problemsOf(down(store, into))).toEqual([
          "a file: the disk here is full; what is complete stays; run it again",
        ]);
        expect(readdirSync(into)).not.toContain("large");
        expect(readdirSync(into).join()).not.toContain(".downloading");
        expect(readFileSync(join(into, "mine"), "utf8")).toBe("precious");
      } finally {
        await execa("umount", [into]);
      }
    },
  );

  it("do not follow a link that lies where they come down", async () => {
    write({ "sub/x": "evil" });
    await up("linked");
    const into = join(folder, "linked-down");
    const outside = join(folder, "outside");
    mkdirSync(into);
    mkdirSync(outside);
    symlinkSync(outside, join(into, "sub"));
    const [problem] = await problemsOf(down("linked", into, { overwrite: true }));
    expect(problem ?? (await down("linked", into)).problems[0]).toContain("sub");
    expect(readdirSync(outside)).toEqual([]);
  });
});

describe("what the tasks of a sweep made", () => {
  const made = (sweep: string, files: Record<string, string>) =>
    write(files, join(volume, "sweeps", sweep, "tasks"));
  const back = async (sweep: string) => {
    const { entries } = await scan(here);
    return bringBack(fileServer(), sweep, { sync: { directory: here, entries } });
  };

  it("comes to a folder of the sweep's name where an earlier one's is, and then nowhere", async () => {
    const names = ["0/files/model", "1/files/model", "1/files/log"];
    for (const sweep of ["first", "second"])
      made(sweep, Object.fromEntries(names.map((name) => [name, `${sweep} ${name}`])));
    const twice = "several tasks made model; each task's is in a folder of its number";
    expect(await back("first")).toEqual({ into: here, files: 3, notices: [twice] });
    const before = contents(here);
    expect(await back("second")).toEqual({
      into: join(here, "second"),
      files: 3,
      notices: [
        `${here} has another 0/model and 1 more already, which nothing is written over: all is in ${here}/second`,
        twice,
      ],
    });
    expect(contents(here)).toMatchObject(before);
    expect(Object.keys(contents(join(here, "second")))).toEqual(["0/model", "1/model", "log"]);
    expect(readFileSync(join(here, "second/1/model"), "utf8")).toBe("second 1/files/model");

    made("second", { "0/files/model": "once more" });
    mkdirSync(join(here, "second-2"));
    const all = contents(here);
    expect(await problemsOf(back("second"))).toEqual([
      `${here}: found another 0/model and 1 more here already, and another second/0/model; npx homelab files download second --into ${here}/second-3 gets what the tasks made`,
    ]);
    expect(contents(here)).toEqual(all);
  });

  it("comes there as well where a file or a link has the place of its folder", async () => {
    made("blocked", { "0/files/a/x": "a", "0/files/b/y": "b", "0/files/c": "c" });
    const outside = mkdtempSync(join(folder, "outside-"));
    write({ a: "mine" });
    symlinkSync(outside, join(here, "b"));
    const brought = await bringBack(fileServer(), "blocked", {
      sync: { directory: here, entries: [] },
    });
    expect(brought).toMatchObject({ into: join(here, "blocked"), files: 3 });
    expect(brought?.notices).toEqual([expect.stringContaining("has another a and 1 more already")]);
    expect(Object.keys(contents(join(here, "blocked")))).toEqual(["a/x", "b/y", "c"]);
    expect([readFileSync(join(here, "a"), "utf8"), readdirSync(outside)]).toEqual(["mine", []]);
  });

  it("comes to it with --download, too", async () => {
    made("loaded", { "0/files/x": "theirs", "1/files/x": "theirs" });
    write({ "0/x": "mine" });
    const brought = await bringBack(fileServer(), "loaded", { download: here });
    expect(brought).toMatchObject({ into: join(here, "loaded"), files: 2 });
    expect(Object.keys(contents(here))).toEqual(["0/x", "loaded/0/x", "loaded/1/x"]);
  });
});

describe("the name of a new store", () => {
  it("is not that of a sweep whose files are kept", async () => {
    write({ "sweeps/user/sweep.json": "{}", "sweeps/both/sweep.json": "{}", "both/x": "" }, volume);
    const refused = async (store: string) => problemsOf(expectNotOfSweep(fileServer(), store));
    expect(await refused("user")).toEqual([
      expect.stringMatching(/^--store: found user, a sweep whose files are kept, .*another name/),
    ]);
    // What is hidden already is no worse for it.
    for (const store of ["both", "neither"]) expect(await refused(store)).toEqual([]);
  });
});

describe("an upload that is cut off", () => {
  it.each([
    [40, 500_000],
    [4, 20_000_000],
  ])(
    "in %d files of %d bytes leaves no half one, and goes on after what was complete",
    async (count, size) => {
      const names = Array.from({ length: count }, (_, index) => `f${index + 10}`);
      write(Object.fromEntries(names.map((name) => [name, randomBytes(size)])));
      const store = `cut-${size}`;
      const proxy = await cutAfter(0.6 * count * size);
      await expect(up(store, here, fileServer(proxy.port))).rejects.toThrow(FileServerGone);
      proxy.close();
      await expect.poll(() => readdirSync(join(volume, store)).join()).not.toContain(".uploading");
      const left = contents(join(volume, store));
      const whole = contents(here);
      const complete = Object.keys(left).length;
      expect(complete).toBeGreaterThan(0);
      expect(complete).toBeLessThan(count);
      for (const [path, hash] of Object.entries(left)) expect(hash, path).toBe(whole[path]);
      expect(await up(store)).toMatchObject({ sent: count - complete, same: complete });
      expect(contents(join(volume, store))).toEqual(whole);
    },
  );
});

describe("an upload that is ended here", () => {
  it("leaves no half file, and no error that nobody waits for", async () => {
    write({ large: Buffer.alloc(100_000_000, "x") });
    const leaving = new AbortController();
    const unheard: unknown[] = [];
    const hear = (error: unknown) => void unheard.push(error);
    process.on("uncaughtException", hear).on("unhandledRejection", hear);
    const working = up("ended", here, fileServer(port, TOKEN, leaving.signal)).catch(() => "ended");
    const there = join(volume, "ended");
    await expect
      .poll(() => existsSync(there) && readdirSync(there).length, { interval: 5 })
      .toBe(1);
    leaving.abort();
    expect(await working).toBe("ended");
    await sleep(500);
    process.off("uncaughtException", hear).off("unhandledRejection", hear);
    expect(unheard).toEqual([]);
    await expect.poll(() => readdirSync(there)).toEqual([]);
  });
});

describe("a server that is ended when its client is gone", () => {
  it("removes what was cut off before", async () => {
    write({ large: Buffer.alloc(300_000_000, "x") });
    const [at = 0] = await freePorts(1);
    const own = start(at);
    const leaving = new AbortController();
    const server = fileServer(at, TOKEN, leaving.signal);
    await expect.poll(() => server.isUp(), { timeout: 20_000 }).toBe(true);
    const working = up("left", here, server).catch(() => "ended");
    const there = join(volume, "left");
    await expect
      .poll(() => existsSync(there) && readdirSync(there).length, { interval: 5 })
      .toBe(1);
    const ended = once(own, "close");
    leaving.abort();
    own.kill("SIGTERM");
    expect([await working, (await ended)[0]]).toEqual(["ended", 0]);
    expect(readdirSync(there)).toEqual([]);
  });
});

describe("a download that is cut off", () => {
  it.each([4_000_000, 20_000_000])(
    "in files of %d bytes leaves no half one, and goes on after what was complete",
    async (size) => {
      write(Object.fromEntries([1, 2, 3, 4].map((each) => [`f${each}`, randomBytes(size)])));
      const store = `cut-down-${size}`;
      await up(store);
      const into = join(folder, `${store}-into`);
      const proxy = await cutAfter(2.5 * size);
      await expect(down(store, into, {}, fileServer(proxy.port))).rejects.toThrow(FileServerGone);
      proxy.close();
      const whole = contents(here);
      const left = contents(into);
      expect(Object.keys(left).length).toBeGreaterThan(0);
      expect(Object.keys(left).length).toBeLessThan(4);
      for (const [path, hash] of Object.entries(left)) expect(hash, path).toBe(whole[path]);
      expect((await down(store, into)).files).toHaveLength(4 - Object.keys(left).length);
      expect(contents(into)).toEqual(whole);
    },
  );
});

describe("the file server", () => {
  it("asks for its token", async () => {
    expect(await problemsOf(fileServer(port, "another").stores())).toEqual([
      "expected the token of this server",
    ]);
  });

  it("refuses members that escape, all of them by name, and takes none", async () => {
    const tar = pack();
    for (const name of ["../out", "a/../../out", "/abs"]) tar.entry({ name }, "evil");
    tar.entry({ name: "up", type: "symlink", linkname: "../../etc" });
    tar.entry({ name: "sly", type: "symlink", linkname: "a/../../../x" });
    tar.entry({ name: "hard", type: "link", linkname: "/etc/passwd" });
    tar.entry({ name: "device", type: "character-device", devmajor: 1, devminor: 3 });
    tar.entry({ name: "pipe", type: "fifo" });
    tar.finalize();
    const found = await problemsOf(fileServer().put("escape", tar as AsyncIterable<Buffer>));
    expect(found).toHaveLength(8);
    expect(found.join()).toContain("'up': a link that leads out, to '../../etc'");
    expect(readdirSync(join(volume, "escape"))).toEqual([]);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("follows no link that a task has left, up or down", async () => {
    const outside = join(folder, "elsewhere");
    write({ secret: "hush" }, outside);
    write({ a: "x" });
    await up("trap");
    symlinkSync(outside, join(volume, "trap", "door"));
    symlinkSync(join(outside, "secret"), join(volume, "trap", "peep"));
    const tar = pack();
    tar.entry({ name: "door/file" }, "evil");
    tar.finalize();
    expect(await problemsOf(fileServer().put("trap", tar as AsyncIterable<Buffer>))).toEqual([
      "'door': found a file or a link, expected a folder",
    ]);
    expect(readdirSync(outside)).toEqual(["secret"]);
    const into = join(folder, "trap-down");
    const { notices } = await down("trap", into);
    expect(notices.join()).toContain('"door" is left out: a link that leads out');
    expect(readdirSync(into)).toEqual(["a"]);
    expect(await problemsOf(fileServer().tree("trap/door"))).toEqual([
      "'door': found a file or a link, expected a folder",
    ]);
    await fileServer().remove("trap");
    expect(readdirSync(outside)).toEqual(["secret"]);
  });

  it.each(["..", "a/../..", ".homelab-volume", "/etc", "a//b"])(
    "gives, takes and removes nothing at %j",
    async (path) => {
      const server = fileServer();
      const empty = pack();
      empty.finalize();
      for (const work of [
        () => server.remove(path),
        () => server.tree(path),
        () => server.put(path, empty as AsyncIterable<Buffer>),
      ])
        expect((await problemsOf(work())).join()).toContain("expected");
      expect(existsSync(join(volume, ".homelab-volume"))).toBe(true);
    },
  );

  it("lists stores, sizes, times and digests", async () => {
    write({ "a/b": "hello" });
    await up("listed");
    await up("sweeps/mine/tasks");
    const names = (await fileServer().stores()).map(({ name, kind }) => `${kind} ${name}`);
    expect(names).toContain("store listed");
    expect(names).toContain("sweep mine");
    expect(names).not.toContain("store sweeps");
    const tree = await fileServer().tree("listed", { sha256: true });
    const sha256 = createHash("sha256").update("hello").digest("hex");
    expect(tree?.find(({ path }) => path === "a/b")).toMatchObject({ size: 5, sha256 });
    expect(await fileServer().tree("none")).toBeUndefined();
  });

  it("removes a file, and a whole store", async () => {
    write({ "a/b": "x", c: "y" });
    await up("gone");
    await fileServer().remove("gone/a/b");
    expect(Object.keys(contents(join(volume, "gone")))).toEqual(["c"]);
    await fileServer().remove("gone");
    expect(existsSync(join(volume, "gone"))).toBe(false);
    for (const path of ["gone", "gone/a/b"]) expect(await fileServer().remove(path)).toBe(false);
  });

  /** How a server that does not start ends. */
  async function ended(environment: Record<string, string>, at: number): Promise<string> {
    said = "";
    const [code] = await once(start(at, environment), "close");
    return `${code} ${said.split("\n").find((line) => line.startsWith("error"))}`;
  }

  it("does not serve a bare mount point, or another volume", async () => {
    const [at = 0] = await freePorts(1);
    const bare = join(folder, "bare");
    mkdirSync(bare);
    expect(await ended({ FILES_ROOT: bare }, at)).toMatch(
      /^1 error: volume files: .*No such file/m,
    );
    expect(await ended({ FILES_VOLUME: "other" }, at)).toContain("found 'files' in");
  });

  it("says so where its port is somebody else's, which Nomad can't know", async () => {
    expect(await ended({}, port)).toBe(
      `1 error: its port ${port} is taken by what Nomad did not start; run it again, Nomad gives it another one`,
    );
  });

  it("ends by itself when nobody asks any more", async () => {
    const [at = 0] = await freePorts(1);
    const [code] = await once(start(at, { FILES_IDLE: "1" }), "close");
    expect(code).toBe(0);
  });

  // It mounts a small disk, which root alone may.
  it.skipIf(process.getuid?.() !== 0).each([
    [6_000_000, ["a", "kept"]],
    [30_000_000, ["a", "c", "kept"]],
  ])(
    "says that the volume is full for a file of %d bytes, and leaves what was there and what was complete",
    async (size, left) => {
      const small = join(folder, `small-${size}`);
      mkdirSync(small);
      await execa("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
      const [at = 0] = await freePorts(1);
      writeFileSync(join(small, ".homelab-volume"), "files\n");
      write({ kept: "precious" }, join(small, "store"));
      const own = start(at, { FILES_ROOT: small });
      try {
        const server = fileServer(at);
        await expect.poll(() => server.isUp(), { timeout: 20_000 }).toBe(true);
        write({ a: "first", b: randomBytes(size), c: "last" });
        expect(await problemsOf(up("store", here, server))).toEqual(["the volume files is full"]);
        expect(readdirSync(join(small, "store")).sort()).toEqual(left);
        expect(readFileSync(join(small, "store", "kept"), "utf8")).toBe("precious");
      } finally {
        own.kill("SIGKILL");
        await once(own, "close");
        await execa("umount", [small]);
      }
    },
  );

  it("takes and gives 500 MB in bounded memory", async () => {
    const [at = 0] = await freePorts(1);
    const own = start(at);
    const server = fileServer(at);
    await expect.poll(() => server.isUp(), { timeout: 20_000 }).toBe(true);
    const peak = () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${own.pid}/status`, "utf8"))?.[1]) / 1024;
    const before = peak();
    writeFileSync(join(here, "large"), Buffer.alloc(500_000_000, "0123456789"));
    await up("large", here, server);
    const into = join(folder, "large-down");
    await down("large", into, {}, server);
    const grown = peak() - before;
    console.log(`the file server grew by ${grown.toFixed(1)} MiB`);
    expect(grown).toBeLessThan(20);
    expect(contents(into)).toEqual(contents(here));
    own.kill("SIGKILL");
    await server.remove("large").catch(() => {});
  });
});

/** A way to the server that breaks after so many bytes, whichever direction they go. */
async function cutAfter(bytes: number): Promise<{ port: number; close: () => void }> {
  let left = bytes;
  const proxy = createServer((client) => {
    const behind = connect(port, "127.0.0.1");
    const pass = (from: Socket, to: Socket) =>
      from
        .on("data", (data) => {
          left -= data.length;
          if (left > 0) return to.write(data);
          client.destroy();
          return behind.destroy();
        })
        .on("error", () => {})
        .on("close", () => to.end());
    pass(client, behind);
    pass(behind, client);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return { port: (proxy.address() as { port: number }).port, close: () => void proxy.close() };
}
