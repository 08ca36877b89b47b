import { describe, expect, it } from "vitest";
import { planDownload, toSend } from "../../../files/plan.ts";
import type { TreeEntry } from "../../../files/tree.ts";

const file = (path: string, size = 1, mtimeMs = 1000): TreeEntry => ({
  ...{ path, size, mtimeMs },
  type: "file",
  mode: 0o644,
});
const folder = (path: string): TreeEntry => ({ ...file(path), type: "directory" });
const link = (path: string, to: string): TreeEntry => ({ ...file(path), type: "link", link: to });
const paths = (entries: readonly TreeEntry[]) => entries.map(({ path }) => path);
const options = { overwrite: false, into: "out" };

describe("an upload", () => {
  it("sends what is missing or differs in size or time, and nothing else", () => {
    const there = [file("same"), file("size", 2), file("time", 1, 9000), file("rounded", 1, 1001)];
    const here = [...["same", "size", "time", "rounded", "new"].map((path) => file(path))];
    expect(paths(toSend(here, there))).toEqual(["size", "time", "new"]);
  });

  it("sends a link that leads elsewhere now, and a file where there was a link", () => {
    const there = [link("a", "x"), link("b", "x"), link("c", "x")];
    expect(paths(toSend([link("a", "x"), link("b", "y"), file("c")], there))).toEqual(["b", "c"]);
  });
});

describe("a download", () => {
  it("gets what is missing, and is refused by name where something else is here", () => {
    const there = [folder("sub"), file("sub/new"), file("same"), file("other", 5), file("fold")];
    const here = [file("same"), file("other", 4), folder("fold")];
    const plan = planDownload(there, here, options);
    expect(paths(plan.files)).toEqual(["sub/new"]);
    expect(paths(plan.folders)).toEqual(["sub"]);
    expect(plan.problems).toEqual([
      "out/other: is here already, and another; --overwrite, or another --into",
      "out/fold: found a directory, where a file is to come; move it away, or use another --into",
    ]);
  });

  it("writes over files where that is asked for, but over no folder", () => {
    const plan = planDownload(
      [file("other", 5), file("fold")],
      [file("other", 4), folder("fold")],
      { ...options, overwrite: true },
    );
    expect(paths(plan.files)).toEqual(["other"]);
    expect(plan.problems).toHaveLength(1);
  });

  it("gets what a filter names, as .gitignore does, with no folder that is empty by that", () => {
    const there = [folder("0"), file("0/model.bin"), file("0/log.txt"), file("1/deep/Model.bin")];
    const get = (filter: string) => planDownload(there, [], { ...options, filter });
    expect(paths(get("model.bin").files)).toEqual(["0/model.bin"]);
    expect(paths(get("/1/").files)).toEqual(["1/deep/Model.bin"]);
    expect(get("model.bin").folders).toEqual([]);
  });

  it("leaves out what leads out of the folder, and says so", () => {
    const there = [
      ...[file("../x"), file("/etc/x"), file("a//b"), file("a/../../b")],
      ...[link("in", "a/b"), link("out", "../x"), link("sly", "in/../../x"), link("abs", "/x")],
      { ...file("pipe"), type: "other" as const },
    ];
    const plan = planDownload(there, [], options);
    expect(plan.files).toEqual([]);
    expect(paths(plan.links)).toEqual(["in"]);
    expect(plan.notices).toHaveLength(8);
    expect(plan.notices).toContain('"out" is left out: a link that leads out, to "../x"');
  });
});
