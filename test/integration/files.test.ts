/** Files that go up to the file server and come down, and what a sweep made of them. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { expectNotOfSweep } from "../../cli/files/context.ts";
import { download } from "../../files/download.ts";
import { planHere } from "../../files/plan-here.ts";
import { scan } from "../../files/scan.ts";
import { upload } from "../../files/upload.ts";
import { bringBack } from "../../sweep/bring-back.ts";
import { contents, fileStores, problemsOf } from "./file-stores.ts";

const stores = fileStores();
const { folder, volume, fileServer, write, up, down } = stores;
let here: string;

beforeAll(() => stores.begin());

afterAll(() => stores.end());

beforeEach(() => {
  here = stores.newFolder();
});

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
