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

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: folder, encoding: "utf8" });
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

  it("is what git would take of a folder within a repository, where that is asked for", async () => {
    write({
      ".gitignore": "*.log\n/a/b/tmp\n/tmp2\n",
      "a/.gitignore": "!keep.log\ncache/\n",
      "a/b/.gitignore": "!b.log\n",
      ...{ "a/b/x.log": "", "a/b/keep.log": "", "a/b/b.log": "", "a/b/tmp/x": "", "a/b/tmp2": "" },
      ...{ "a/b/cache/x": "", "a/b/c/cache/x": "", "a/b/secret.txt": "", "a/b/train.py": "" },
    });
    git("init", "-q");
    writeFileSync(join(folder, ".git", "info", "exclude"), "secret.txt\n");
    const files = async (below: string) =>
      (await scan(join(folder, below), { inRepository: true })).entries
        .filter(({ type }) => type === "file")
        .map(({ path }) => path);
    const expected = git("-C", "a/b", "ls-files", "--others", "--exclude-standard").split("\n");
    expect(expected).toContain("tmp2");
    expect(await files("a/b")).toEqual(expected.filter((path) => path !== ""));
    expect(await files("a")).toEqual(expect.arrayContaining(["b/train.py", "b/keep.log"]));
    expect((await scan(join(folder, "a/b"))).entries.map(({ path }) => path)).toContain("x.log");
    // Of one that git ignores as a whole, somebody wants all.
    expect(await files("a/b/tmp")).toEqual(["x"]);
    expect(await files("a/b/c/cache")).toEqual(["x"]);
  });

  it("is without what a further work tree's repository excludes", async () => {
    write({ "repo/a": "" });
    git("init", "-q", "repo");
    const user = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
    git("-C", "repo", ...user, "commit", "-q", "--allow-empty", "-m", "first");
    git("-C", "repo", "worktree", "add", "-q", "../other");
    writeFileSync(join(folder, "repo/.git/info/exclude"), "secret\n");
    write({ "other/deep/secret": "", "other/deep/a": "" });
    const { entries } = await scan(join(folder, "other/deep"), { inRepository: true });
    expect(entries.map(({ path }) => path)).toEqual(["a"]);
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
