/** Uploads and downloads that are cut off, on the way or at one of its ends. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FileServerGone } from "../../files/file-server.ts";
import { contents, fileStores } from "./file-stores.ts";
import { freePorts } from "./nomad-agent.ts";

const stores = fileStores();
const { folder, volume, fileServer, start, write, up, down } = stores;
let here: string;

beforeAll(() => stores.begin());

afterAll(() => stores.end());

beforeEach(() => {
  here = stores.newFolder();
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
    const working = up("ended", here, fileServer(stores.port(), leaving)).catch(() => "ended");
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
    const server = fileServer(at, leaving);
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

/** A way to the server that breaks after so many bytes, whichever direction they go. */
async function cutAfter(bytes: number): Promise<{ port: number; close: () => void }> {
  let left = bytes;
  const proxy = createServer((client) => {
    const behind = connect(stores.port(), "127.0.0.1");
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
