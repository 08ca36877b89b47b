import { describe, expect, it } from "vitest";
import { leadsOut, pathInStore, storeName } from "../../../files/paths.ts";
import { Wrong } from "../../../sweep/wrong.ts";

describe("the name of a store", () => {
  it.each(["a", "mlflow-data", "Set_2.1", "x".repeat(63)])("may be %s", (name) => {
    expect(storeName(name)).toBe(name);
  });

  it.each([...["", "a/b", "..", ".a", "a.", "-a", "a b", "é", "x".repeat(64), "sweeps", "a\n"]])(
    "may not be %j",
    (name) => {
      expect(() => storeName(name)).toThrow(Wrong);
    },
  );
});

describe("a path in a store", () => {
  it.each([
    ["a/b", "a/b"],
    ["./a/", "a"],
  ])("%s is %s", (text, path) => {
    expect(pathInStore(text)).toBe(path);
  });

  it.each(["", "/", "/a", "a/../b", "..", "a//b", "."])("is not %j", (text) => {
    expect(() => pathInStore(text)).toThrow(Wrong);
  });
});

describe("a link", () => {
  it.each([
    ["a/b", "../c", false],
    ["a/b", "c/d", false],
    ["a/b", "./../c", false],
    ["b", "../c", true],
    ["a/b", "../../c", true],
    ["a/b", "/c", true],
    // What it goes up from may be a link itself.
    ["a/b", "c/../d", true],
    ["b", "..", true],
    ["a/b", "..", false],
  ])("%s to %s leads out: %s", (path, link, out) => {
    expect(leadsOut(path, link)).toBe(out);
  });
});
