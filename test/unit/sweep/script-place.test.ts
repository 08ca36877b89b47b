import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftBehind, scriptPlace } from "../../../sweep/script-place.ts";

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), "homelab-sweep-"))));
afterAll(() => process.chdir(before));

describe("the script of a command", () => {
  it.each([
    ["python3 -u train.py -c x.py", 2],
    ["/usr/bin/python3.12 -W ignore -X dev train.py", 5],
    ["bash -euo pipefail train.py", 3],
    ["python3 -m train.py", -1],
    ["sh -ec train.py", -1],
    ["grep -v train.py", -1],
    ["bash -O extglob train.py", 3],
    ["bash +e --rcfile x train.py", 4],
    ["python3 -O train.py", 2],
    ["python3 -OO -X dev train.py", 4],
    ["torchrun train.py", 1],
    ["torchrun --standalone train.py", -1],
    ["no/such/python3 train.py", 1],
    ["python3 -u", -1],
  ])("is found behind an interpreter's options: %s", (command, place) => {
    expect(scriptPlace(command.split(" "))).toBe(place);
  });

  it("takes a program for no script where it is an interpreter that lies here", () => {
    mkdirSync("venv");
    writeFileSync("venv/python", "#!/bin/sh\n");
    expect(scriptPlace(["venv/python", "train.py"])).toBe(1);
  });

  it("says which scripts a command names that do not go along, or whose header is not read", () => {
    writeFileSync("train.py", "");
    writeFileSync("other.py", "");
    writeFileSync("headed.sh", "# SWEEP ntasks 3\n");
    const told = (line: string, sendsFiles = false) => {
      const command = line.split(" ");
      return leftBehind(command, scriptPlace(command), sendsFiles);
    };
    const own = "the command's script is its first word, or the one behind python3 or sh";
    const alone = `other.py does not go along, but with --upload other.py: ${own}`;
    expect(told("train.py other.py none.py other.py")).toEqual([alone]);
    expect(told("env A=1 python3 other.py")).toEqual([alone]);
    expect(told("train.py other.py train.py", true)).toEqual([]);
    expect(told("torchrun --standalone headed.sh", true)).toEqual([
      `headed.sh has a header that is not read: ${own}`,
    ]);
    expect(told("train.py headed.sh").join()).toContain("--upload headed.sh, and has a header");
  });
});
