import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { describe, expect, it, onTestFinished } from "vitest";
import { fromRelease } from "../../../lab/release.ts";
import type { Work } from "../../../lab/work.ts";
import { temporaryLab } from "./temporary-lab.ts";

const zip = zipSync({ "LICENSE.txt": strToU8("free"), nomad: strToU8("#!/bin/sh\necho hello\n") });
const sha256 = createHash("sha256").update(zip).digest("hex");

async function vendor(status: number): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(status).end(zip);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/nomad.zip`, asked: () => asked };
}

function work(): Work {
  const lab = temporaryLab();
  const settings = { ...lab, cacheDir: join(lab.dir, "cache") };
  return { settings, signal: new AbortController().signal, say: () => {} };
}

describe("a vendor's release", () => {
  it("is downloaded once, checked, and can be run", async () => {
    const { url, asked } = await vendor(200);
    const here = work();
    const path = await fromRelease({ url, sha256, program: "nomad" }, here);
    expect(readFileSync(path as string, "utf8")).toContain("echo hello");
    expect(statSync(path as string).mode & 0o111).toBe(0o111);
    expect(await fromRelease({ url, sha256, program: "nomad" }, here)).toBe(path);
    expect(asked()).toBe(1);
  });

  it("that is not the pinned one is refused, and not kept", async () => {
    const { url } = await vendor(200);
    const here = work();
    const wrong = { url, sha256: "0".repeat(64), program: "nomad" };
    await expect(fromRelease(wrong, here)).rejects.toThrow(`has SHA-256 ${sha256}, expected 000`);
    await expect(fromRelease(wrong, here)).rejects.toThrow("nothing of it was used");
  });

  it.each([403, 404, 503])("that is refused with %i is to be had elsewhere", async (status) => {
    const { url } = await vendor(status);
    expect(await fromRelease({ url, sha256, program: "nomad" }, work())).toBeUndefined();
  });

  it("whose host can't be reached is to be had elsewhere", async () => {
    const url = "http://127.0.0.1:9/nomad.zip";
    expect(await fromRelease({ url, sha256, program: "nomad" }, work())).toBeUndefined();
  });
});
