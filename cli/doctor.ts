import { examine, type Result } from "../client/examine.ts";
import { diagnose } from "../client/settings.ts";
import { clientUrl } from "../config/client-url.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { mlflowVersion } from "../stacks/mlflow-version.ts";
import { BAD_INPUT, failWith } from "./exit-code.ts";

export interface DoctorOptions {
  readonly json?: boolean;
}

/** Width of the two words before what was found. */
const STATUS_WIDTH = 9;
const CHECK_WIDTH = 16;

/** Checks the deployment from the client's side; ends with 1 when something is wrong. */
export async function doctor({ json = false }: DoctorOptions): Promise<void> {
  const { config } = await failWith(BAD_INPUT, () => loadConfig());
  const diagnosis = diagnose(clientUrl(config));
  const results: Result[] = [];
  for await (const result of examine(config, mlflowVersion(ROOT), diagnosis)) {
    results.push(result);
    if (!json) console.log(lineOf(result).join("\n"));
  }
  const wrong = results.filter(({ status }) => status === "wrong").length;
  const url = diagnosis.settings.url?.href.replace(/\/$/, "");
  if (json) console.log(JSON.stringify({ url, ok: wrong === 0, checks: results }, undefined, 2));
  else console.log(wrong === 0 ? "\nAll is well." : `\n${wrong} of ${results.length} are wrong.`);
  if (wrong > 0) process.exitCode = 1;
}

/** A check as a user reads it: one line, and one more for each further thing that was found. */
function lineOf({ status, check, found, todo }: Result): string[] {
  const [first = "", ...more] = found.split("\n");
  const told = todo ? `${first}; ${todo}` : first;
  const indent = " ".repeat(STATUS_WIDTH + CHECK_WIDTH);
  return [
    `${status.padEnd(STATUS_WIDTH)}${check.padEnd(CHECK_WIDTH)}${told}`,
    ...more.map((line) => `${indent}${line}`),
  ];
}
