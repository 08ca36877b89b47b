import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../config/errors.ts";
import { loadConfig } from "../config/load.ts";
import { Interrupted } from "../lab/errors.ts";
import { outputDirectory, runCdktf } from "./cdktf.ts";
import { expectLab } from "./lab.ts";
import { readablePlan } from "./readable-plan.ts";
import { explainFailure } from "./terraform-progress.ts";

/** Shows what a deploy would change. */
export async function diff(): Promise<void> {
  const { config } = await loadConfig();
  await expectLab(config);
  const stack = join(outputDirectory(config), "stacks", "mlflow");
  const plan = join(stack, "plan");
  rmSync(plan, { force: true });
  const { exitCode, interrupted, lines, log, terraform, env } = await runCdktf("diff", config, [], {
    say: console.error,
  });
  if (interrupted) throw new Interrupted("interrupted; a diff changes nothing");
  if (exitCode !== 0)
    throw new UserError([...explainFailure(lines), `the whole output is in ${log}`]);
  if (!existsSync(plan)) return console.log("No changes.");
  // cdktf breaks the plan into pieces, and these lose their indentation.
  const { stdout } = await execa(terraform, ["show", "-no-color", plan], { cwd: stack, env });
  const shown = readablePlan(stdout);
  console.log(shown.length > 0 ? shown.join("\n") : "No changes.");
}
