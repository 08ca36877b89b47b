/** The file server itself: what it gives and takes, and what it refuses. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { pack } from "tar-stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contents, fileStores, problemsOf, saidBy } from "./file-stores.ts";
import { freePorts } from "./nomad-agent.ts";

const stores = fileStores();
const { folder, volume, fileServer, start, write, up, down } = stores;
let here: string;

beforeAll(() => stores.begin());

afterAll(() => stores.end());

beforeEach(() => {
  here = stores.newFolder();
});

describe("the file server", () => {
  it("asks for its token", async () => {
    expect(await problemsOf(fileServer(stores.port(), { token: "another" }).stores())).toEqual([
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
    const server = start(at, environment);
    const said = saidBy(server);
    const [code] = await once(server, "close");
    return `${code} ${said()
      .split("\n")
      .find((line) => line.startsWith("error"))}`;
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
    expect(await ended({}, stores.port())).toBe(
      `1 error: its port ${stores.port()} is taken by what Nomad did not start; run it again, Nomad gives it another one`,
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
