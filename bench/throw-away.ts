/** Makes the lab what it is before the first deploy: nothing built, pushed, prepared or run. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { restartLabNomad } from "../lab/restart-nomad.ts";
import type { Bench } from "./bench.ts";
import { run } from "./run.ts";

const STOP_SECONDS = 120;

export async function throwAwayDeploy(bench: Bench): Promise<void> {
  if (!bench.ownsDocker)
    throw new Error(`${bench.state.dockerHost} is not the lab's own: its build cache is not ours`);
  const { settings } = bench;
  bench.forgetDeploy();
  await stopJob(bench);
  rmSync(join(settings.nomad.configDir, "homelab-mlflow-volumes.hcl"), { force: true });
  // An agent that had read the drop-in would know the volumes still.
  await restartLabNomad(settings);
  for (const directory of Object.values(settings.volumes)) remove(directory);

  const images = await bench.docker([
    "image",
    "ls",
    "--quiet",
    "--filter",
    `reference=${bench.config.registry.address}/${bench.config.image.name}`,
  ]);
  const ids = [...new Set(images.split("\n").filter((line) => line !== ""))];
  if (ids.length > 0) await bench.docker(["image", "rm", "--force", ...ids]);
  await bench.docker(["builder", "prune", "--all", "--force"]);
  remove(join(settings.registry.dataDir, "docker"));

  for (const file of readdirSync(settings.dir))
    if (file.startsWith("terraform.mlflow.tfstate")) remove(join(settings.dir, file));
  remove(settings.nomad.registrationDir);
  remove(join(settings.dir, "cdktf.out"));
  // What was deleted is not to be written during the next measurement.
  await run("sync", []);
}

/** Stops the job and waits until its servers have ended. */
export async function stopJob(bench: Bench): Promise<void> {
  if (!(await bench.nomad(["job", "status"])).includes(bench.config.job.name)) return;
  await bench.nomad(["job", "stop", "-purge", bench.config.job.name]);
  const end = Date.now() + STOP_SECONDS * 1000;
  while ((await bench.docker(["ps", "--all", "--quiet", "--filter", "name=mlflow_app"])) !== "") {
    if (Date.now() > end) throw new Error(`the job still runs after ${STOP_SECONDS} s`);
    await sleep(500);
  }
  await bench.nomad(["system", "gc"]);
}

function remove(path: string): void {
  if (existsSync(path)) rmSync(path, { recursive: true, force: true });
}
