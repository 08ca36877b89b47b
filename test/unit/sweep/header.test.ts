import { describe, expect, it } from "vitest";
import { headerEntries } from "../../../sweep/entries.ts";
import { readHeader } from "../../../sweep/header.ts";

const directives = (script: string) =>
  readHeader(script).directives.map(({ marker, key, value, line }) => [marker, key, value, line]);

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

  it("are told of where they are not read: below the program's first line, or not in capitals", () => {
    const top = ["# sweep cpu 200", "# Sweep grid of rates", "# sweep n times", '"""doc"""'];
    const below = [
      "# SWEEP ntasks 3",
      "# COILED gpu",
      "# SWEEP is a word here, too",
      "# sweep cpu 3",
    ];
    const { entries, problems, notices } = read(...top, ...below);
    expect([entries, problems]).toEqual([[], []]);
    expect(notices).toEqual([
      "train.py:1: cpu is not read: expected # SWEEP in capitals",
      "train.py:5: ntasks is not read: expected # SWEEP above the first line of code",
      "train.py:6: gpu is not read: expected # COILED above the first line of code",
    ]);
  });

  it("have no comment in their values, but in a variable's", () => {
    const { problems, entries, notices } = read(
      "# SWEEP map-over-values 1, 2 # the rates",
      "# SWEEP env A=b # c",
      "# COILED region us-east-1 # near",
      "# SWEEP map-over-delimiter #",
      "# COILED map-over-values C #,F #",
    );
    expect(problems).toEqual([
      "train.py:1: map-over-values: found a comment in its value; expected it on another line, and values that are none on the command line or in a file",
    ]);
    expect(entries.map(({ value }) => value)).toEqual(["A=b # c", "#", "C #,F #"]);
    expect(notices).toHaveLength(1);
  });

  it("have one variable in a line, and say so where it looks like two", () => {
    expect(read("# SWEEP env A=1 B=2", "# COILED env FLAGS=-Da=1 -Db=2").notices).toEqual([
      "train.py:1: env is one variable, A; another has a line of its own",
    ]);
  });

  it("of the other tool's batch run are all known to us", () => {
    const flags = [
      ...["arm", "gpu", "allow-cross-zone", "no-cross-zone", "wait", "no-implicit-file-upload"],
      ...["pipe-to-files", "task-on-scheduler", "no-task-on-scheduler", "wait-for-ready-cluster"],
      ...["forward-aws-credentials", "package-sync-strict"],
    ];
    const others = [
      ...["name", "workspace", "software", "container", "ignore-container-entrypoint"],
      ...[
        "run-on-host",
        "env",
        "e",
        "-e",
        "secret-env",
        "env-file",
        "secret-env-file",
        "tag",
        "-t",
      ],
      ...["vm-type", "scheduler-vm-type", "cpu", "memory", "region", "spot-policy", "disk-size"],
      ...["allow-ssh-from", "map-over-values", "map-over-file", "map-over-input-var"],
      ...["map-over-delimiter", "upload", "download", "sync", "input-filestore"],
      ...["output-filestore", "scheduler-sidecar-spec", "ntasks", "n-tasks", "array"],
      ...["scheduler-task-array", "max-workers", "-N", "package-sync-conda-extras"],
      ...["package-sync-ignore", "host-setup-script", "job-timeout", "max-retries"],
      "dask-container",
    ];
    const lines = [...flags, ...others.map((name) => `${name} 1`)];
    for (const line of lines) {
      const { entries, problems, notices } = read(`# COILED ${line}`);
      expect(problems, line).toEqual([]);
      expect(entries.length + notices.length, line).toBeGreaterThan(0);
      expect(notices.length, line).toBeLessThan(2);
    }
  });

  it("of the other tool become ours, with what is otherwise here", () => {
    const { entries, problems, notices } = read(
      "# COILED job-timeout 30 minutes",
      "#COILED: n_tasks=3",
      "# COILED --run-on-host true",
      "# COILED pipe-to-files",
      "# COILED input-filestore images",
      '# COILED map-over-delimiter ";"',
      "# COILED secret-env TOKEN=hunter2",
      "# COILED -N 3",
    );
    expect(problems).toEqual([]);
    expect(entries.map(({ key, value }) => `${key} ${value}`)).toEqual([
      ...["timeout 30 minutes", "ntasks 3", "driver raw_exec", "outputs true"],
      ...["filestore images", "map-over-delimiter ;", "env TOKEN=hunter2", "max-workers 3"],
    ]);
    expect(notices).toEqual([
      "train.py:1: job-timeout is of each task here",
      "train.py:5: input-filestore is at /scratch/filestores/images here, not in the working folder",
      "train.py:7: secret-env is no secret, as its value is in the script",
    ]);
  });

  it("of the other tool that are not quite known are refused with the nearest of its names", () => {
    expect(read("# COILED constructor 1").problems).toHaveLength(1);
    expect(read("# COILED spot-polici spot", "# SWEEP spot-policy spot").problems).toEqual([
      "train.py:1: spot-polici: unknown directive; did you mean spot-policy?",
      expect.stringContaining("train.py:2: spot-policy: unknown directive; expected one of"),
    ]);
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
