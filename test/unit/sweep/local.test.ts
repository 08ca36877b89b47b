/** The script that runs a task, run by a real shell. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "../../../config/check.ts";
import { readInput } from "../../../sweep/input.ts";
import { runLocally } from "../../../sweep/local.ts";
import { localWork, taskScript, tasksOfScript } from "../../../sweep/runner.ts";
import { HOSTILE, smallConfig } from "../synth.ts";

const before = process.cwd();
beforeAll(() => process.chdir(mkdtempSync(join(tmpdir(), "homelab-sweep-"))));
afterAll(() => process.chdir(before));

const { sweep: defaults } = checkConfig(smallConfig(), "homelab.config.ts");
const hostile = `${HOSTILE} it's $HOME \`id\` \\ {{ x }} é`.replaceAll(/\p{Cc}/gu, " ").trim();

/** What each task says, by its number, and how it ended. */
async function ran(
  script: string,
  options: Record<string, unknown>,
  command = ["script.sh"],
  more: { secrets?: Record<string, string>; maxWorkers?: number; failFast?: boolean } = {},
) {
  writeFileSync("script.sh", script);
  const input = readInput(command, options, defaults);
  const text = taskScript(localWork(input, { MLFLOW_TRACKING_URI: "http://mlflow.lan" }));
  const said: Record<number, string[]> = {};
  const { exitCodes } = await runLocally(
    {
      name: input.name,
      tasks: input.tasks,
      script: text,
      secrets: {},
      maxWorkers: 1,
      failFast: false,
      ...more,
    },
    ({ id }, line) => {
      said[id] = [...(said[id] ?? []), line];
    },
  );
  return { said, exitCodes: Object.fromEntries(exitCodes), text };
}

describe("a task", () => {
  it("gets its value as one argument, whatever is in it", async () => {
    writeFileSync("values", `plain\n${hostile}\n`);
    const script = 'printf "%s\\n" "$#" "$@" "$COILED_BATCH_TASK_INPUT"';
    const command = ["script.sh", "$SWEEP_INPUT", "a=${COILED_BATCH_TASK_INPUT} `b`"];
    const { said, exitCodes } = await ran(script, { mapOverFile: "values" }, command);
    expect(said).toEqual({
      0: ["2", "plain", "a=plain `b`", "plain"],
      1: ["2", hostile, `a=${hostile} \`b\``, hostile],
    });
    expect(exitCodes).toEqual({ 0: 0, 1: 0 });
  });

  it("finds its environment: the sweep's, the tracker's, the user's and the secrets", async () => {
    const names = [
      "SWEEP_NAME",
      "SWEEP_INDEX",
      "SWEEP_TASK_ID",
      "SWEEP_COUNT",
      "SWEEP_LR",
      "SWEEP_BS",
    ];
    const more = [
      "COILED_BATCH_TASK_ID",
      "COILED_BATCH_TASK_COUNT",
      "MLFLOW_TRACKING_URI",
      "A",
      "TOKEN",
    ];
    const script = [...names, ...more]
      .map((name) => `printf "%s\\n" "${name}=$${name}"`)
      .join("\n");
    const options = { grid: ["lr=0.1", "bs=32,64"], env: [`A=${hostile}`], name: "mine" };
    const { said } = await ran(script, options, ["script.sh"], { secrets: { TOKEN: "hush" } });
    expect(said[1]).toEqual([
      ...["SWEEP_NAME=mine", "SWEEP_INDEX=1", "SWEEP_TASK_ID=1", "SWEEP_COUNT=2"],
      ...["SWEEP_LR=0.1", "SWEEP_BS=64", "COILED_BATCH_TASK_ID=1", "COILED_BATCH_TASK_COUNT=2"],
      ...["MLFLOW_TRACKING_URI=http://mlflow.lan", `A=${hostile}`, "TOKEN=hush"],
    ]);
  });

  it("finds its value under another name as well, in its environment and its command", async () => {
    const options = { mapOverValues: "a b", mapOverInputVar: "RATE", env: ["RATES=x"] };
    const command = ["script.sh", "--rate=$RATE", "${RATE}", "$RATES"];
    const { said } = await ran('printf "%s\\n" "$RATE" "$@"', options, command);
    expect(said[0]).toEqual(["a b", "--rate=a b", "a b", "$RATES"]);
  });

  it("hands MLflow's client the tags of its runs, as JSON", async () => {
    writeFileSync("values", `${hostile}\n`);
    const { said } = await ran('printf "%s\\n" "$MLFLOW_RUN_CONTEXT"', {
      mapOverFile: "values",
      name: "mine",
    });
    expect(JSON.parse(said[0]?.[0] ?? "")).toEqual({
      sweep: "mine",
      "sweep.index": "0",
      "sweep.value": hostile,
    });
    const grid = await ran('printf "%s\\n" "$MLFLOW_RUN_CONTEXT"', { grid: ["lr=0.1", "bs=32"] });
    expect(JSON.parse(grid.said[0]?.[0] ?? "")).toMatchObject({
      "sweep.lr": "0.1",
      "sweep.bs": "32",
    });
  });

  it("ends with the script's exit code, and with 124 when it takes too long", async () => {
    const { exitCodes } = await ran('exit "$SWEEP_INPUT"', { mapOverValues: "0,3" });
    expect(exitCodes).toEqual({ 0: 0, 1: 3 });
    expect((await ran("sleep 20", { timeout: "1s" })).exitCodes).toEqual({ 0: 124 });
  });

  it("keeps the others from starting when it fails and that was asked for", async () => {
    const options = { ntasks: "4", failFast: true, wait: true };
    const { exitCodes } = await ran('test "$SWEEP_INDEX" != 1', options, ["script.sh"], {
      failFast: true,
    });
    expect(exitCodes).toEqual({ 0: 0, 1: 1 });
  });

  it("is found again in the file that the job carries", async () => {
    writeFileSync("values", `plain\n${hostile}\n`);
    const { text } = await ran("#7 x", { mapOverFile: "values" });
    expect(tasksOfScript(text)).toEqual([
      { id: 0, input: "plain" },
      { id: 1, input: hostile },
    ]);
  });
});
