import { join } from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../config/errors.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { databaseJob, isManaged, managedKind } from "../config/managed-database.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { dataOf } from "../config/volume.ts";
import { Interrupted } from "../lab/errors.ts";
import { runCdktf } from "./cdktf.ts";
import { expectLab } from "./lab.ts";
import { runPlaybook } from "./playbook.ts";
import { explainFailure, warningsIn } from "./terraform-progress.ts";

export interface DestroyOptions {
  /** Do not ask. */
  readonly yes?: boolean;
  /** Take the volumes off the Nomad clients as well; their data stays where it is. */
  readonly unmount?: boolean;
}

/**
 * Stops MLflow and makes Nomad forget the job; asks first.
 *
 * @throws UserError when there is nobody to ask, or the answer is not yes
 */
export async function destroy({ yes = false, unmount = false }: DestroyOptions): Promise<void> {
  if (!yes && !process.stdin.isTTY)
    throw new UserError(["destroy asks first, and there is no terminal: use --yes (make: YES=1)"]);
  const { config } = await loadConfig();
  await expectLab(config);
  if (!yes) {
    console.log(whatHappens(config, unmount).join("\n"));
    if ((await ask("Type yes to go on: ")) !== "yes")
      throw new UserError(["the answer was not yes: nothing was changed"]);
  }
  const { exitCode, interrupted, lines, log } = await runCdktf(
    "destroy",
    config,
    ["--auto-approve"],
    { say: console.error },
  );
  for (const warning of warningsIn(lines)) console.error(warning);
  if (exitCode !== 0 && interrupted)
    throw new Interrupted(
      "interrupted: MLflow may or may not be stopped; its data is untouched; make destroy goes on",
    );
  if (exitCode !== 0)
    throw new UserError([...explainFailure(lines), `the whole output is in ${log}`]);
  if (unmount) await removeVolumes();
  console.log(
    unmount
      ? "MLflow is stopped, and its volumes are taken off the Nomad clients. Its data is still there."
      : "MLflow is stopped. Its data, images and volumes are still there.",
  );
}

/** What is removed and what stays, one line each. */
export function whatHappens(config: HomelabConfig, unmount = false): string[] {
  const { backendStore, artifacts, files } = config.volumes;
  const elsewhere = "where storage says";
  const { name } = config.job;
  const store = config.storage.backendStore;
  const database = isManaged(store)
    ? ` and its database's, "${databaseJob(name, managedKind(store))}"`
    : "";
  return [
    `MLflow stops, and Nomad forgets its job "${name}"${database}. This stays:`,
    `  runs        ${backendStore ? dataOf(backendStore) : elsewhere}`,
    `  artifacts   ${artifacts ? dataOf(artifacts) : elsewhere}`,
    ...(files ? [`  files       ${dataOf(files)}`] : []),
    `  images      ${config.registry.address}/${config.image.name}`,
    ...(unmount
      ? ["The Nomad clients unmount the volumes and forget them."]
      : ["  volumes     as the Nomad clients know them"]),
    ...(config.dns.provider === "none" ? [] : [`The DNS record of ${config.hostname} is removed.`]),
    "make deploy brings all of it back.",
  ];
}

/** The playbook that makes the Nomad clients forget the volumes, on the inventory of the destroy. */
async function removeVolumes(): Promise<void> {
  console.log("Taking the volumes off the Nomad clients");
  const { lines, exitCode } = await runPlaybook(join(ROOT, "ansible", "remove-volumes.yml"));
  if (exitCode !== 0)
    throw new UserError([
      "MLflow is stopped; its volumes could not be taken off all Nomad clients, run this again:",
      ...explainFailure(lines),
    ]);
}

/** The end of the input is an empty answer. */
async function ask(question: string): Promise<string> {
  process.stdout.write(question);
  // Not as a terminal: Ctrl-C then ends this program, as it does anywhere else.
  const input = createInterface({ input: process.stdin, terminal: false });
  const answer = await new Promise<string>((resolve) => {
    input.once("line", resolve);
    input.once("close", () => resolve(""));
  });
  input.close();
  // Else the open terminal keeps this program from its end.
  process.stdin.unref();
  return answer.trim();
}
