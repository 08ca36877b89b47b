import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { scan } from "../../../files/scan.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "homelab-scan-"));
});

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const paths = async () => (await scan(folder)).entries.map(({ path }) => path);

describe("what goes up of a folder", () => {
  it("is all in it, with size, time and mode, and never .git", async () => {
    write({ "train.py": "pass", ".git/HEAD": "x", "sub/.git": "gitdir: ..", "sub/a b": "" });
    utimesSync(join(folder, "train.py"), 1_700_000_000, 1_700_000_000.5);
    const { entries, problems } = await scan(folder);
    expect(problems).toEqual([]);
    expect(entries.map(({ path }) => path)).toEqual(["sub", "sub/a b", "train.py"]);
    expect(entries[2]).toMatchObject({ type: "file", size: 4, mode: 0o644 });
    expect(entries[2]?.mtimeMs).toBe(1_700_000_000_500);
  });

  it("is what git would take, and .homelabignore may say otherwise", async () => {
    write({
      ".gitignore": "*.log\n/data/\n!keep.log\nBuild\n",
      ".homelabignore": "!/data/\nsecret.txt\n",
      "sub/.gitignore": "!sub.log\n*.tmp\n",
      ...{ "a.log": "", "keep.log": "", "data/x.csv": "", "secret.txt": "", build: "" },
      ...{ "sub/sub.log": "", "sub/b.log": "", "sub/c.tmp": "", "c.tmp": "", "sub/data/y": "" },
    });
    const found = await paths();
    expect(found.filter((path) => !path.includes("ignore"))).toEqual([
      ...["build", "c.tmp", "data", "data/x.csv", "keep.log"],
      ...["sub", "sub/data", "sub/data/y", "sub/sub.log"],
    ]);
  });

  it("is not what leads out or is no file, which is told by name, all at once", async () => {
    write({ "a/b": "" });
    symlinkSync("../a/b", join(folder, "a", "inside"));
    symlinkSync("../../x", join(folder, "a", "out"));
    symlinkSync("/etc/passwd", join(folder, "absolute"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const { entries, problems } = await scan(folder);
    expect(entries.map(({ path }) => path)).toEqual(["a", "a/b", "a/inside"]);
    expect(problems).toEqual([
      `${folder}/a/out: a link that leads out, to "../../x"; expected one that stays within; name it in .homelabignore`,
      `${folder}/absolute: a link that leads out, to "/etc/passwd"; expected one that stays within; name it in .homelabignore`,
      `${folder}/pipe: expected a file, a folder or a link; name it in .homelabignore`,
    ]);
  });
});
