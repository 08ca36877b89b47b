import { describe, expect, it } from "vitest";
import type { TreeEntry } from "../../../files/tree.ts";
import { comeBack, outputsOf } from "../../../sweep/bring-back.ts";

const file = (path: string, size = 1): TreeEntry => ({
  ...{ path, size, mtimeMs: 1000, mode: 0o644 },
  type: "file",
});
const byPath = (...entries: TreeEntry[]) => new Map(entries.map((each) => [each.path, each]));
const paths = (entries: readonly TreeEntry[]) =>
  entries.map(({ path, source }) => `${path} < ${source}`);

const outputs = outputsOf([
  ...["10/files/deep/b", "2/files/a", "2/task.json", "2/output.log"].map((path) => file(path)),
  { ...file("2/files"), type: "directory" },
  file("x/files/a"),
]);

describe("what tasks have left", () => {
  it("is what lies in their folders, without what is said of them", () => {
    expect(outputs.map(({ task, path }) => [task, path])).toEqual([
      [2, "a"],
      [10, "deep/b"],
    ]);
  });

  it("comes back into the folder that was sent, over what was sent", () => {
    const { back, apart, notices } = comeBack(outputs, [file("a", 5)], byPath(file("a", 5)));
    expect(paths(back)).toEqual(["a < 2/files/a", "deep/b < 10/files/deep/b"]);
    expect([...apart, ...notices]).toEqual([]);
  });

  it("lies beside what is another here, by the task's number, and the user is told", () => {
    const changedHere = comeBack(outputs, [file("a", 5)], byPath(file("a", 6)));
    expect(paths(changedHere.back)).toEqual(["deep/b < 10/files/deep/b"]);
    expect(paths(changedHere.apart)).toEqual(["2/a < 2/files/a"]);
    expect(changedHere.notices).toEqual([
      "here is another a; each task's is in a folder of its number",
    ]);
    const notSent = comeBack(outputs, [], byPath(file("a", 6)));
    expect(paths(notSent.apart)).toEqual(["2/a < 2/files/a"]);
  });

  it("comes once where it is here already", () => {
    expect(paths(comeBack(outputs, [], byPath(file("a"))).apart)).toEqual([]);
  });

  it("lies in a folder of each task's where several made it", () => {
    const both = outputsOf(["0/files/a", "1/files/a", "1/files/b"].map((path) => file(path)));
    const { back, apart, notices } = comeBack(both, [], new Map());
    expect(paths(back)).toEqual(["b < 1/files/b"]);
    expect(paths(apart)).toEqual(["0/a < 0/files/a", "1/a < 1/files/a"]);
    expect(notices).toEqual(["several tasks made a; each task's is in a folder of its number"]);
  });
});
