/** A sweep of many tasks that take no time, on a real Nomad. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isLate } from "../time-left.ts";
import { SMALL, sweepUser } from "./sweep-user.ts";

const late = isLate("a sweep of 500 tasks");
const COUNT = 500;
const user = sweepUser();

beforeAll(async () => {
  if (!late) await user.begin();
});

afterAll(() => user.end());

describe.skipIf(late)("a sweep of 500 tasks of 0.1 s", () => {
  it("runs each value once and ends well; status has a line for each", async () => {
    const values = Array.from({ length: COUNT }, (_, at) => `value ${at}`);
    const ran = join(user.directory, "ran");
    writeFileSync(join(user.directory, "values.txt"), `${values.join("\n")}\n`);
    writeFileSync(join(user.directory, "script.sh"), `echo "$1" >> ${ran}; sleep 0.1`);
    const { stdout, stderr, exitCode } = await user.sweep(
      ...["run", ...SMALL, "--name", "many", "--map-over-file", "values.txt", "--yes", "--wait"],
      ...["--", "script.sh", "$SWEEP_INPUT"],
    );
    expect(exitCode, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^many: 500 done; /m);
    expect(readFileSync(ran, "utf8").trim().split("\n").toSorted()).toEqual(values.toSorted());
    const status = await user.sweep("status", "many");
    expect(status.exitCode, status.stderr).toBe(0);
    const rows = status.stdout.split("\n").filter((line) => / done +0 /.test(line));
    expect(rows.map((line) => /^\d+ +(value \d+) /.exec(line)?.[1])).toEqual(values);
  });
});
