import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";
import type { HomelabInput } from "../../../config/schema.ts";
import { readSecrets } from "../../../secrets/read.ts";
import { readInput } from "../../../sweep/input.ts";
import { withoutLogins } from "../../../sweep/requirements.ts";
import { smallConfig } from "../synth.ts";

const before = process.cwd();
beforeAll(() => {
  process.chdir(mkdtempSync(join(tmpdir(), "homelab-sweep-")));
  vi.stubEnv("TOKEN", "hunter2");
  writeFileSync("key", "hunter2\n");
});
afterAll(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
});

const defaults = (sweep: HomelabInput["sweep"] = {}) =>
  checkConfig(smallConfig({ sweep }), "homelab.config.ts").sweep;

function read(
  script: string,
  options: Record<string, unknown> = {},
  command = ["train.py"],
  sweep: HomelabInput["sweep"] = {},
  hasVolume = false,
) {
  writeFileSync("train.py", `${script}\nprint("hello")\n`);
  return readInput(command, options, defaults(sweep), hasVolume);
}

function problems(...args: Parameters<typeof read>): readonly string[] {
  try {
    read(...args);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.exitCode).toBe(2);
    return error.problems;
  }
  return [];
}

describe("what is asked for", () => {
  it("is said by the command line over SWEEP over COILED over the config", () => {
    const script =
      "# COILED memory 4GiB\n# SWEEP memory 3GiB\n# COILED max-workers 7\n# COILED cpu 2";
    const config = { memory: 100, maxWorkers: 2, cpu: 900 };
    expect(read("", {}, ["train.py"], config)).toMatchObject(config);
    expect(read(script, {}, ["train.py"], config)).toMatchObject({
      memory: 3072,
      maxWorkers: 7,
      cpu: 2000,
    });
    expect(read(script, { memory: "5".repeat(3) }, ["train.py"], config).memory).toBe(555);
  });

  it("takes the tasks from the first place that says what they are", () => {
    const script = "# SWEEP map-over-values 1,2\n# COILED ntasks 5";
    expect(read(script).tasks).toHaveLength(2);
    expect(read(script, { grid: ["a=1,2", "b=1,2"] }).tasks).toHaveLength(4);
    expect(read("").tasks).toEqual([{ id: 0, input: "0", parameters: [] }]);
  });

  it("takes how many run at a time from the nearest place, of an array or apart", () => {
    const workers = (script: string, options = {}) => read(script, options).maxWorkers;
    expect(workers("# COILED max-workers 7", { array: "0-9%2" })).toBe(2);
    expect(workers("# SWEEP array 0-9%2", { maxWorkers: "5" })).toBe(5);
    expect(workers("# SWEEP array 0-9%2\n# SWEEP max-workers 4\n# COILED max-workers 7")).toBe(4);
    expect(workers("# COILED array 0-9%2\n# COILED max-workers 7", { ntasks: "3" })).toBe(7);
  });

  it("adds up environments, the nearer place over the other", () => {
    writeFileSync("vars", "# comment\nA=file\nB=file with blanks\n");
    const { env } = read("# SWEEP env C=sweep\n# COILED env C=coiled\n# COILED env D=x=y", {
      env: ["A=line"],
      envFile: "vars",
    });
    expect(env).toEqual({ A: "line", B: "file with blanks", C: "sweep", D: "x=y" });
  });

  it("takes an environment from the nearest place, whether that says it in a file or not", () => {
    writeFileSync("vars", "A=file\nB=file\n");
    const script = "# SWEEP env A=sweep\n# SWEEP env C=sweep\n# COILED env-file coiled";
    writeFileSync("coiled", "C=coiled\nD=coiled\n");
    const config = { env: { A: "config", D: "config", E: "config" } };
    const { env } = read(script, { envFile: "vars", env: ["B=line"] }, ["train.py"], config);
    expect(env).toEqual({ A: "file", B: "line", C: "sweep", D: "coiled", E: "config" });
  });

  it("takes the last of a variable's values in one place, as shells do", () => {
    const { env } = read("# SWEEP env B=1\n# SWEEP env B=2", { env: ["A=1", "A=2"] });
    expect(env).toEqual({ A: "2", B: "2" });
  });

  it("takes from the nearest place that a variable is a secret, or none", () => {
    const script = "# COILED env TOKEN=dummy\n# COILED secret-env KEY=@key";
    const options = { secretEnv: ["TOKEN"], env: ["KEY=plain"] };
    const { env, secrets } = read(script, options, ["train.py"], { env: { TOKEN: "config" } });
    expect(env).toEqual({ KEY: "plain" });
    expect(Object.keys(secrets)).toEqual(["TOKEN"]);
  });

  it("refuses a variable that one place says twice, as a secret and as none", () => {
    writeFileSync("vars", "KEY=plain\n");
    const script = "# SWEEP env TOKEN=1\n# SWEEP secret-env TOKEN\n# COILED env KEY=1";
    expect(problems(script, { secretEnv: ["KEY=@key"], envFile: "vars" })).toEqual([
      "train.py:2: secret-env TOKEN: found in train.py:1: env as well; expected it once",
      "--secret-env KEY: found in --env-file as well; expected it once",
    ]);
  });

  it("says where secrets are and never what they are", () => {
    const { secrets } = read("", { secretEnv: ["TOKEN", "KEY=@key"] });
    expect(secrets).toEqual({
      TOKEN: { key: "--secret-env TOKEN", source: { env: "TOKEN" } },
      KEY: { key: "--secret-env KEY", source: { file: "key" } },
    });
    const refused = problems("# SWEEP env hunter2", { secretEnv: ["TOKEN=hunter2"] });
    expect(refused).toHaveLength(2);
    expect(refused.join()).not.toContain("hunter2");
  });

  it("tells of secrets that are not there with all else that is wrong", () => {
    const options = { secretEnv: ["NOT_SET_HERE", "KEY=@none"], cpu: "many" };
    expect(problems("# SWEEP secret-env NOT_SET_EITHER", options)).toEqual([
      '--cpu: found "many"; expected a whole number from 1 to 1000000',
      "train.py:1: secret-env NOT_SET_EITHER: the environment variable NOT_SET_EITHER is not set; set it where you run this",
      "--secret-env NOT_SET_HERE: the environment variable NOT_SET_HERE is not set; set it where you run this",
      expect.stringMatching(/^--secret-env KEY: the file none can't be read .*no such file/),
    ]);
  });

  it("takes secrets from a file of variables, and says where each is", () => {
    writeFileSync("hidden", "TOKEN=hunter2\nKEY=file\n");
    const { env, secrets } = read("# COILED secret-env-file hidden", { env: ["KEY=line"] });
    expect(env).toEqual({ KEY: "line" });
    const key = "train.py:1: secret-env-file";
    expect(secrets).toEqual({ TOKEN: { key, source: { file: "hidden", variable: "TOKEN" } } });
    expect(readSecrets(secrets)).toEqual({ TOKEN: "hunter2" });
    writeFileSync("hidden", "TOKEN=\nhunter3\n");
    const wrong = problems("", { secretEnvFile: "hidden" });
    expect(wrong).toEqual([
      "hidden:2: expected NAME=VALUE",
      "--secret-env-file: TOKEN in the file hidden is empty; put the secret there",
    ]);
    expect(wrong.join()).not.toContain("hunter3");
  });

  it("reads the other tool's ranges, times and no limit", () => {
    for (const range of ["16GiB-32GiB", "16-32GiB", "16 - 32 GiB"])
      expect(read(`# COILED memory ${range}`).memory).toBe(16_384);
    const script = [
      ...["# COILED cpu 4-8", "# COILED memory 16GiB-32GiB", "# COILED max-workers -1"],
      "# COILED job-timeout 1 hour",
    ];
    expect(read(script.join("\n"))).toMatchObject({
      cpu: 4000,
      memory: 16_384,
      maxWorkers: 10_000,
      timeout: 3600,
    });
    const least = (timeout: string) => read("", { timeout }).timeout;
    expect(["90", "90s", "2 min", "3 hours", "1d"].map(least)).toEqual([
      90, 90, 120, 10_800, 86_400,
    ]);
    expect(problems("", { timeout: "90ms" })).toHaveLength(1);
  });

  it("takes the other tool's spelling on the command line, too", () => {
    expect(problems("", { schedulerSidecarSpec: "none.yaml" })).toEqual([
      expect.stringMatching(/^--scheduler-sidecar-spec: found "none.yaml"; expected a text file/),
    ]);
  });

  it("reads false as false", () => {
    expect(read("# COILED gpu false\n# SWEEP wait false")).toMatchObject({ gpus: 0, wait: false });
    expect(read("# COILED gpu", { gpu: false }).gpus).toBe(0);
    expect(read("# COILED gpu true\n# SWEEP wait true")).toMatchObject({ gpus: 1, wait: true });
  });

  it("reads constraints as they are written by hand", () => {
    const constraint = ["node.class=gpu", "${attr.kernel.name} regexp ^lin", "meta.rack is_set"];
    expect(read("", { constraint }).constraints).toEqual([
      { attribute: "${node.class}", operator: "=", value: "gpu" },
      { attribute: "${attr.kernel.name}", operator: "regexp", value: "^lin" },
      { attribute: "${meta.rack}", operator: "is_set", value: "" },
    ]);
  });

  it("takes a delimiter for the values of its place, and of a farther one", () => {
    const inputs = (script: string, options = {}) =>
      read(script, options).tasks.map(({ input }) => input);
    const header = "# SWEEP map-over-values a;b\n# SWEEP map-over-delimiter ;";
    expect(inputs(header)).toEqual(["a", "b"]);
    expect(inputs(header.replace(/;$/, '";"'))).toEqual(["a", "b"]);
    expect(inputs(header, { mapOverValues: "0.1,0.2" })).toEqual(["0.1", "0.2"]);
    expect(inputs(header, { mapOverDelimiter: "," })).toEqual(["a;b"]);
    expect(inputs(header, { ntasks: "2" })).toEqual(["0", "1"]);
  });

  it.each([{ grid: ["lr=1;2"] }, { ntasks: "2" }, { array: "0-1" }])(
    "refuses a delimiter for %j, which has none",
    (tasks) => {
      expect(problems("", { ...tasks, mapOverDelimiter: ";" })).toEqual([
        '--map-over-delimiter: found ";"; expected --map-over-values or --map-over-file with it',
      ]);
    },
  );

  it("lets a tracker count over an MLFLOW_TRACKING_URI from farther away alone", () => {
    const uri = "MLFLOW_TRACKING_URI";
    const config = { env: { [uri]: "http://config:1", A: "1" } };
    const env = (script: string, options: Record<string, unknown>) =>
      read(script, options, ["train.py"], config).env[uri];
    const header = `# SWEEP env ${uri}=http://header:1`;
    expect(env("", {})).toBe("http://config:1");
    expect(env("", { tracker: "http://typed:1" })).toBeUndefined();
    expect(env(header, { tracker: "service" })).toBeUndefined();
    expect(env("# SWEEP tracker http://header:2", {})).toBeUndefined();
    const typed = { env: [`${uri}=http://typed:1`] };
    expect(env("# SWEEP tracker service", typed)).toBe("http://typed:1");
    expect(env("", { ...typed, tracker: "service" })).toBe("http://typed:1");
    const secret = `# SWEEP secret-env ${uri}=@key`;
    expect(read(secret, { tracker: "service" }).secrets).toEqual({});
  });

  it("refuses variables that a sweep sets itself, from any place, and no others", () => {
    const config = { env: { NOMAD_TASK_DIR: "1", NOMAD_ADDR: "http://nomad.lan:4646" } };
    const options = { env: ["SWEEP_LR=9", "SWEEP_ID=1", "RATE=5"], grid: ["lr=1"] };
    const script =
      "# SWEEP env MLFLOW_RUN_CONTEXT={}\n# COILED secret-env COILED_BATCH_TASK_ID=@key";
    writeFileSync("key", "k");
    expect(problems(script, options, ["train.py"], config).toSorted()).toEqual(
      [
        "sweep.env of the config: NOMAD_TASK_DIR",
        "train.py:2: secret-env COILED_BATCH_TASK_ID",
        "train.py:1: env MLFLOW_RUN_CONTEXT",
        "--env SWEEP_LR",
      ]
        .map((where) => `${where}: a sweep sets it itself; expected another name`)
        .toSorted(),
    );
  });

  it("lets the variable that has the values count over what farther places give it", () => {
    const options = { mapOverValues: "1,2", mapOverInputVar: "RATE" };
    const config = { env: { RATE: "0.1" } };
    const { env, secrets } = read("# SWEEP secret-env RATE=@key", options, ["train.py"], config);
    expect([env, secrets]).toEqual([{}, {}]);
    expect(problems("", { ...options, env: ["RATE=5"] })).toEqual([
      "--env RATE: found --map-over-input-var RATE as well; expected one",
    ]);
    expect(problems("", { ...options, mapOverInputVar: "PATH" })).toHaveLength(1);
    const script =
      "# COILED map-over-values 1\n# COILED map-over-input-var COILED_BATCH_TASK_INPUT";
    expect(problems(script)).toEqual([]);
  });

  it("takes what a nearer place says for void of what a farther one wants with it", () => {
    writeFileSync("requirements.txt", "numpy\n");
    const waits = "# SWEEP wait\n# SWEEP wait-timeout 1h\n# SWEEP fail-fast\n# SWEEP download out";
    expect(read(waits, { wait: false, sync: "." }, ["train.py"], {}, true)).toMatchObject({
      ...{ wait: false, waitTimeout: undefined, failFast: false },
      files: { download: undefined, outputs: true },
    });
    const image = "# SWEEP requirements requirements.txt";
    expect(read(image, { container: "python:3.12" })).toMatchObject({
      ...{ container: "python:3.12", requirements: undefined },
    });
    expect(read(image, { driver: "raw_exec" }).requirements).toBeUndefined();
    const other = read("# SWEEP container python:3.12", { requirements: "requirements.txt" });
    expect([other.container, other.requirements?.file]).toEqual([undefined, "requirements.txt"]);
  });

  it("takes an image that is asked for over a farther raw_exec, which has none", () => {
    writeFileSync("requirements.txt", "numpy\n");
    for (const options of [{ container: "python:3.12" }, { requirements: "requirements.txt" }]) {
      expect(read("# COILED run-on-host true", options).driver).toBe("docker");
      expect(read("", { ...options, driver: "raw_exec", requirements: undefined }).driver).toBe(
        "raw_exec",
      );
    }
  });

  it("stops at the first failure here without waiting", () => {
    const header = "# SWEEP wait\n# SWEEP fail-fast";
    expect(read(header, { wait: false, local: true }).failFast).toBe(true);
    expect(read(header, { wait: false }).failFast).toBe(false);
  });

  it("says what --local leaves out", () => {
    expect(read("# SWEEP cpu 200", { local: true, retries: "2" }).notices).toEqual([
      "--local leaves out cpu, retries: the tasks run here, and on no client of Nomad's",
    ]);
    expect(read("", { local: true, gpu: false, outputs: "false" }).notices).toEqual([]);
    expect(read("", { local: true, ntasks: "2" }).notices).toEqual([]);
  });

  it("tells of a command's variables with all else, but where the axes can't be read", () => {
    const command = ["train.py", "$SWEEP_X"];
    expect(problems("", { cpu: "x" }, command).map((each) => each.split(" ")[0])).toEqual([
      "--cpu:",
      "the",
    ]);
    expect(problems("", { grid: ["x=,"] }, command)).toHaveLength(1);
    writeFileSync("bad.yaml", "- 1\n");
    const uri = { env: ["MLFLOW_TRACKING_URI=http://sweep-tracker:5000"] };
    expect(problems("", { ...uri, sidecarSpec: "bad.yaml" }).join()).not.toContain("none has one");
    expect(problems("", {}, ["sh", "-c", "SWEEP_DIR=/x; echo $SWEEP_DIR $SWEEP_INPUT"])).toEqual(
      [],
    );
  });

  it("sends no link for a file, whose end the tasks would not have", () => {
    symlinkSync("train.py", "link.py");
    expect(problems("", { upload: ["link.py", "/dev/null"] }, ["train.py"], {}, true)).toEqual([
      expect.stringMatching(
        /^--upload: found "link.py"; expected no link, but the file .*\/train.py$/,
      ),
      '--upload: found "/dev/null"; expected a file or a folder that is there',
    ]);
  });

  it("knows no address of a sidecar where none is", () => {
    const uri = "MLFLOW_TRACKING_URI=http://sweep-tracker:5000";
    expect(problems("", { env: [uri] })).toEqual([
      "--env MLFLOW_TRACKING_URI: found sweep-tracker:5000; expected the port of a sidecar: none has one",
    ]);
    expect(read("", { env: [uri.replace("sweep-tracker", "coiled-scheduler")] }).env).toBeDefined();
  });

  it("refuses a delimiter of no values", () => {
    expect(problems("true\n", { mapOverDelimiter: ";" })).toEqual([
      '--map-over-delimiter: found ";"; expected --map-over-values or --map-over-file with it',
    ]);
  });

  it("names a sweep after its script", () => {
    expect(read("").name).toMatch(/^train-[0-9a-f]{6}$/);
    expect(read("", { name: "mine" }).name).toBe("mine");
  });

  it("finds the script behind an interpreter, too", () => {
    expect(read("# SWEEP ntasks 3", {}, ["python3", "train.py"])).toMatchObject({
      scriptPlace: 1,
      script: { name: "train.py" },
    });
    expect(read("# SWEEP ntasks 3", {}, ["nvidia-smi", "-L"])).toMatchObject({ scriptPlace: -1 });
  });

  it.each([
    ["a name that is too long", ["echo", "x".repeat(300)]],
    ["links in a circle", ["cat", "circle"]],
  ])("takes a word for no file where it is %s", (_, command) => {
    for (const [link, target] of [
      ["circle", "round"],
      ["round", "circle"],
    ] as const) {
      rmSync(link, { force: true });
      symlinkSync(target, link);
    }
    expect(read("", {}, command)).toMatchObject({ scriptPlace: -1 });
    const path = command[1] ?? "";
    expect(problems("", { upload: [path], sync: path, download: path })).toEqual([
      expect.stringMatching(/^--download: found .*; expected a folder, or nothing yet \(/),
      expect.stringMatching(/^--upload: found .*; expected a file or a folder that is there$/),
      expect.stringMatching(/^--sync: found .*; expected a folder that is there$/),
    ]);
  });

  it("refuses a script that is not there, behind an interpreter's options too", () => {
    expect(problems("", {}, ["python3", "-u", "gone.py"])).toEqual([
      "gone.py: expected a text file that can be read (no such file: gone.py)",
    ]);
  });

  it("refuses a header that says two things of an option; the same twice, and of several, is fine", () => {
    const script =
      "# SWEEP cpu 100\n# SWEEP cpu 100\n# SWEEP env A=1\n# SWEEP env B=2\n# COILED cpu 2\n";
    expect(read(script)).toMatchObject({ cpu: 100, env: { A: "1", B: "2" } });
    writeFileSync("a.env", "A=1\nC=1\n");
    writeFileSync("b.env", "C=2\n");
    expect(read("# SWEEP env-file a.env\n# SWEEP env-file b.env").env).toEqual({ A: "1", C: "2" });
    expect(problems(`${script}# SWEEP cpu 200\n# SWEEP grid a=1\n# SWEEP grid b=1\n`)).toEqual([
      "train.py:6: cpu: train.py:1: cpu says otherwise; expected it once",
      "train.py:8: grid: train.py:7: grid says otherwise; expected it once",
    ]);
  });

  it("is refused with all problems at once, each with its place", () => {
    writeFileSync("vars", "A=1\nnonsense\n");
    writeFileSync("requirements.txt", "numpy\n-r other.txt\n");
    const script = "# SWEEP cpu many\n# COILED gpu maybe\n# SWEEP wibble 1\n# SWEEP timeout 0s";
    const options = {
      ntasks: "3",
      mapOverValues: "1,2",
      memory: "5",
      name: "No Name",
      envFile: "vars",
      driver: "podman",
      retries: "-1",
      failFast: true,
      constraint: ["node.class"],
      requirements: "requirements.txt",
      container: "python:3.12",
    };
    expect(problems(script, options)).toEqual([
      expect.stringContaining("train.py:3: wibble: unknown directive"),
      "--ntasks: not together with --map-over-values; expected one of map-over-values, map-over-file, grid, ntasks, array",
      '--driver: found "podman"; expected docker or raw_exec',
      "vars:2: expected NAME=VALUE",
      expect.stringContaining('--name: found "No Name"; expected 1 to 63 lower-case letters'),
      'train.py:1: cpu: found "many"; expected a whole number from 1 to 1000000',
      '--memory: found "5"; expected MiB, from 10, or a size such as 2GiB',
      'train.py:2: gpu: found "maybe"; expected true, false or a number of GPUs',
      '--retries: found "-1"; expected a whole number from 0 to 100',
      'train.py:4: timeout: found "0s"; expected a time such as 90s, 30m or 2h',
      expect.stringContaining('--constraint: found "node.class"; expected an attribute'),
      'requirements.txt:2: found "-r other.txt"; expected packages, as no other file goes along',
      expect.stringContaining("--requirements: not together with --container"),
      "--fail-fast: expected --wait with it: who waits stops the sweep",
    ]);
  });

  it.each([
    ["a missing script", ["missing.py"], /^missing\.py: expected a text file .*no such file/],
    ["an empty script", ["empty.py"], /^empty\.py: the script is empty/],
    ["a script that is no text", ["binary.py"], /^binary\.py: .*it is no UTF-8/],
    ["a script with a program after it", ["nul.sh"], /^nul\.sh: .*it has a NUL byte in it/],
    [
      "a variable no task has",
      ["train.py", "$SWEEP_INPTU"],
      /\$SWEEP_INPTU.*did you mean \$SWEEP_INPUT\?/,
    ],
  ])("refuses %s", (_, command, line) => {
    writeFileSync("empty.py", "\n");
    writeFileSync("binary.py", Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    writeFileSync("nul.sh", "true\nexit\n\0\0");
    expect(problems("", {}, command)).toEqual([expect.stringMatching(line)]);
  });

  it("shows no login of a package index", () => {
    const index = "https://ada:hunter2@pypi.lan/simple";
    writeFileSync("requirements.txt", `--index-url ${index}\n-r ${index}\nnumpy\n`);
    expect(problems("", { requirements: "requirements.txt" })).toEqual([
      'requirements.txt:2: found "-r https://...@pypi.lan/simple"; expected packages, as no other file goes along',
    ]);
    expect(withoutLogins(`pip: git+https://h.lan/a@v1 and ${index}: no`)).toBe(
      "pip: git+https://h.lan/a@v1 and https://...@pypi.lan/simple: no",
    );
  });

  it("refuses files that are not there, by the option that names them", () => {
    expect(problems("# SWEEP map-over-file none.txt", { envFile: "none.env" })).toEqual([
      expect.stringMatching(/^train.py:1: map-over-file: found "none.txt"; expected a text file/),
      expect.stringMatching(/^--env-file: found "none.env"; expected a text file .*no such file/),
    ]);
  });
});
