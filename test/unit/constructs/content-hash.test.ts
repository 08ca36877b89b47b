import { chmodSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { contentHash } from "../../../constructs/content-hash.ts";

let folder: string;

function fill(directory: string): string {
  mkdirSync(join(directory, "deep"), { recursive: true });
  writeFileSync(join(directory, "a"), "one");
  writeFileSync(join(directory, "deep", "b"), "two");
  return directory;
}

beforeEach(() => {
  folder = fill(mkdtempSync(join(tmpdir(), "homelab-hash-")));
});

describe("the content hash of a folder", () => {
  it("is the same in another place and at another time", () => {
    const other = fill(mkdtempSync(join(tmpdir(), "homelab-hash-")));
    utimesSync(join(other, "a"), 0, 0);
    expect(contentHash(other)).toBe(contentHash(folder));
  });

  it.each<[string, () => void]>([
    ["a content", () => writeFileSync(join(folder, "a"), "three")],
    ["a name", () => writeFileSync(join(folder, "c"), "")],
    ["an executable bit", () => chmodSync(join(folder, "a"), 0o755)],
    [
      "where one file ends and the next begins",
      () => {
        writeFileSync(join(folder, "a"), "onedeep/b");
        writeFileSync(join(folder, "deep", "b"), "");
      },
    ],
  ])("changes with %s", (_, change) => {
    const before = contentHash(folder);
    change();
    expect(contentHash(folder)).not.toBe(before);
  });

  it("changes with what else it depends on, and with its order", () => {
    expect(contentHash(folder, ["x"])).not.toBe(contentHash(folder));
    expect(contentHash(folder, ["x", "y"])).not.toBe(contentHash(folder, ["y", "x"]));
  });

  it("knows nothing of what Python leaves behind", () => {
    const before = contentHash(folder);
    mkdirSync(join(folder, "__pycache__"));
    writeFileSync(join(folder, "__pycache__", "a.pyc"), "x");
    expect(contentHash(folder)).toBe(before);
  });
});
