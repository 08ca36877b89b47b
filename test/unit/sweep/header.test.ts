import { describe, expect, it } from "vitest";
import { headerEntries } from "../../../sweep/entries.ts";
import { readHeader } from "../../../sweep/header.ts";

const directives = (script: string) =>
  readHeader(script).map(({ marker, key, value, line }) => [marker, key, value, line]);

describe("the header of a script", () => {
  it("is read as the tool writes it that the scripts were made for", () => {
    const script = [
      "#!/usr/bin/env python3",
      "# COILED env MLFLOW_TRACKING_USERNAME=alex",
      "# COILED gpu true",
      "# COILED map-over-values 0.1, 0.05, 0.01",
      "import sys",
    ];
    expect(directives(script.join("\n"))).toEqual([
      ["COILED", "env", "MLFLOW_TRACKING_USERNAME=alex", 2],
      ["COILED", "gpu", "true", 3],
      ["COILED", "map-over-values", "0.1, 0.05, 0.01", 4],
    ]);
  });

  it("takes tabs, blanks around values, blank lines, a byte order mark and line ends of Windows", () => {
    const script =
      "\ufeff#\tSWEEP\tcpu\t 200 \t\r\n\r\n#SWEEP --memory = 2GiB  \r\n# SWEEP wait\r\n";
    expect(directives(script)).toEqual([
      ["SWEEP", "cpu", "200", 1],
      ["SWEEP", "memory", "2GiB", 3],
      ["SWEEP", "wait", undefined, 4],
    ]);
  });

  it("ends at the first line of the program, and leaves other comments alone", () => {
    const script = "# Trains a model; SWEEP is not the first word\nimport sys\n# SWEEP cpu 200\n";
    expect(directives(script)).toEqual([]);
  });
});

describe("the directives", () => {
  const read = (...lines: string[]) => headerEntries(readHeader(lines.join("\n")), "train.py");

  it("that are unknown are refused with the line and the nearest name", () => {
    expect(
      read("# SWEEP ntask 3", "# COILED map-over-value 1,2", "# SWEEP wibble 1").problems,
    ).toEqual([
      "train.py:1: ntask: unknown directive; did you mean ntasks?",
      "train.py:2: map-over-value: unknown directive; did you mean map-over-values?",
      expect.stringMatching(
        /^train.py:3: wibble: unknown directive; expected one of array, .*timeout/,
      ),
    ]);
  });

  it("about a cloud are left out with one line each", () => {
    const { entries, problems, notices } = read("# COILED region us-east-1", "# COILED vm-type g5");
    expect([entries, problems]).toEqual([[], []]);
    expect(notices).toEqual([
      "train.py:1: region is about machines in a cloud, and left out",
      "train.py:2: vm-type is about machines in a cloud, and left out",
    ]);
    expect(read("# SWEEP region us-east-1").problems).toHaveLength(1);
  });

  it("need a value, unless they mean true", () => {
    const { entries, problems } = read("# SWEEP cpu", "# SWEEP gpu", "# SWEEP");
    expect(problems).toEqual([
      "train.py:1: cpu: no value; expected one after the name",
      expect.stringContaining("train.py:3: a directive without a name"),
    ]);
    expect(entries).toMatchObject([{ key: "gpu", value: "true" }]);
  });
});
