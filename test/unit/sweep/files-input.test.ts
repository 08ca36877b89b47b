import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";
import { sweepVolume } from "../../../sweep/files-job.ts";
import { readInput } from "../../../sweep/input.ts";
import { scanSources } from "../../../sweep/send-input.ts";
import { filesVolume, nfsVolumes, smallConfig } from "../synth.ts";

const before = process.cwd();
beforeAll(() => {
  process.chdir(mkdtempSync(join(tmpdir(), "homelab-files-input-")));
  mkdirSync("data/deep", { recursive: true });
  mkdirSync("out/1", { recursive: true });
  writeFileSync("data/a", "");
  writeFileSync("a", "");
});
afterAll(() => process.chdir(before));

const { sweep: defaults } = checkConfig(smallConfig(), "homelab.config.ts");

function read(options: Record<string, unknown>, hasVolume = true, script = "true") {
  writeFileSync("script.sh", script);
  return readInput(["script.sh"], options, defaults, hasVolume);
}

function problems(...args: Parameters<typeof read>): readonly string[] {
  try {
    read(...args);
    return [];
  } catch (error) {
    if (error instanceof UserError) return error.problems;
    throw error;
  }
}

describe("what is asked of files", () => {
  it("may be in the header as well", () => {
    const header = "# COILED sync data\n# SWEEP filestore one\n# SWEEP filestore two\ntrue\n";
    const { files } = read({ upload: ["a", "data"] }, true, header);
    expect(files).toMatchObject({ sync: "data", uploads: ["a", "data"] });
    expect([...files.filestores].sort()).toEqual(["one", "two"]);
  });

  it("is told all at once where it is wrong", () => {
    const wrong = { filestore: ["a/b"], upload: ["none"], sync: "a", download: "out", ntasks: "2" };
    expect(problems(wrong)).toEqual([
      '--filestore: found "a/b"; expected the name of a store: 1 to 63 letters, digits, - and _, with . inside, and no slash',
      '--upload: found "none"; expected a file or a folder that is there',
      '--sync: found "a"; expected a folder that is there',
      "--download: expected --wait with it: who waits gets the files",
      "--download: found out/1 already; expected a new folder",
    ]);
  });

  it("needs the volume, and containers", () => {
    expect(problems({ filestore: ["one"], sync: "data" }, false)).toEqual(
      ["--filestore", "--sync"].map((option) =>
        expect.stringContaining(
          `${option}: found no volume for files in the config; expected one, such as volumes: { ..., files:`,
        ),
      ),
    );
    expect(problems({ upload: ["a"], driver: "raw_exec" }, false)).toEqual([
      "--upload: not together with --driver raw_exec, whose tasks have no volumes",
    ]);
    expect(problems({}, false)).toEqual([]);
  });

  it("goes without the volume where the tasks run here, but for stores", () => {
    expect(problems({ sync: "data", local: true }, false)).toEqual([]);
    expect(problems({ filestore: ["one"], local: true })).toEqual([
      "--filestore: not together with --local, which has no volume for files",
    ]);
  });

  it("keeps what the header of the other tool downloads, where nobody waits", () => {
    const header = "# COILED download results\ntrue";
    const waiting = read({ wait: true }, true, header).files;
    expect(waiting).toMatchObject({ download: "results", outputs: undefined });
    expect(read({}, true, header).files).toMatchObject({ download: undefined, outputs: true });
    expect(problems({}, true, "# SWEEP download results\ntrue")).toEqual([
      "--download: expected --wait with it: who waits gets the files",
    ]);
  });

  it("can't be had where nothing is kept", () => {
    expect(problems({ sync: "data", outputs: "false" })).toEqual([
      "--outputs: found false; expected true with --sync",
    ]);
    expect(problems({ filestore: ["one"], outputs: "false" })).toEqual([]);
  });
});

describe("what goes along", () => {
  it("lies as it is named, and the content of --sync at the top", async () => {
    const sources = await scanSources(read({ sync: "data", upload: ["./data/", "a"] }).files).catch(
      (error: UserError) => error.problems,
    );
    // data/a of --sync is an a as well.
    expect(sources).toEqual([
      "what goes along: found a and data/a; expected one file for a of the tasks",
    ]);
    const [folder] = await scanSources(read({ upload: ["./data/"] }).files);
    expect(folder).toMatchObject({ to: "data" });
    expect(folder?.entries.map(({ path }) => path)).toEqual(["a", "deep"]);
  });

  it("is a folder's content where the header is of the tool that means it", async () => {
    const [folder] = await scanSources(read({}, true, "# COILED upload data\ntrue").files);
    expect(folder).toMatchObject({ to: "" });
    expect(folder?.entries.map(({ path }) => path)).toEqual(["a", "deep"]);
  });
});

describe("the volume of a sweep's tasks", () => {
  const volumeOf = (options: Record<string, unknown>, more: object = filesVolume()) => {
    const config = checkConfig(smallConfig(more), "homelab.config.ts");
    return sweepVolume(read(options), config);
  };

  it("is there unasked, with what they leave, where each client has it", () => {
    expect(volumeOf({})).toEqual({ name: "mlflow-files", keeps: true });
    expect(volumeOf({ outputs: "false" })).toBeUndefined();
    expect(volumeOf({}, {})).toBeUndefined();
  });

  it("is there where it is asked for, on fewer clients and with other images as well", () => {
    const clients = [{ name: "a" }, { name: "b" }];
    const files = { source: { directory: "/srv/files", client: "a" } };
    const one = { clients, volumes: { ...nfsVolumes(), files } };
    expect(volumeOf({}, one)).toBeUndefined();
    expect(volumeOf({ filestore: ["x"] }, one)).toEqual({ name: "mlflow-files", keeps: true });
    expect(volumeOf({ container: "python:3.12" })).toBeUndefined();
    expect(volumeOf({ container: "python:3.12", outputs: "true" })).toMatchObject({ keeps: true });
    expect(volumeOf({ filestore: ["x"], outputs: "false" })).toMatchObject({ keeps: false });
    expect(volumeOf({ driver: "raw_exec" })).toBeUndefined();
  });
});
