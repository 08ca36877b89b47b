import { describe, expect, it } from "vitest";
import { requirementProblems } from "../../../sweep/requirements.ts";

describe("a requirements file", () => {
  it("is refused where it names files that are here, and not for what is elsewhere", () => {
    const here = [
      ...[
        "p.whl",
        "dist/p-1.0-py3-none-any.whl ; python_version > '3'",
        "pkg.tar.gz",
        "./pkg",
        ".",
      ],
      ...[
        "foo @ file:///x",
        "-f ./wheels",
        "--find-links=wheels",
        "-rother.txt",
        "-e .",
        "-c c.txt",
      ],
    ];
    const elsewhere = [
      ...[
        "numpy>=1.2",
        "foo[bar]==1 ; python_version > '3'",
        "foo @ https://h.lan/p.whl",
        "# a/b.whl",
      ],
      ...["https://h.lan/p.whl", "git+https://h.lan/a@v1", "-f https://h.lan/whl/torch.html"],
      ...["--extra-index-url https://h.lan/simple", "--pre", "-i https://h.lan/simple", ""],
      ...['foo>=1;platform_machine=="x/y"', "${BASE}/x.whl"],
    ];
    expect(requirementProblems(elsewhere.join("\n"), "r.txt")).toEqual([]);
    expect(requirementProblems(here.join("\n"), "r.txt")).toHaveLength(here.length);
  });
});
