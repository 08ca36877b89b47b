import { existsSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerInUse } from "./dockerd.ts";
import { labErrors } from "./errors.ts";
import { isPortTaken, portHolder } from "./ports.ts";
import { isOfLab } from "./servers.ts";
import type { LabSettings } from "./settings.ts";

/** Two images with MLflow, a base image, Go modules and their builds. */
const NEEDED_GIB = 6;

/** What may lie in the folder before the first lab-up: a synth writes there as well. */
const NOT_FOREIGN = ["cdktf.out", "log", "lock.json"];

/**
 * Says what stands in the way of a lab on this machine, before anything is installed or started.
 *
 * @throws LabError with the first thing found
 */
export async function checkMachine(settings: LabSettings): Promise<void> {
  if (process.platform !== "linux") throw labErrors.notLinux(process.platform);
  const user = process.getuid?.() ?? 0;
  if (user !== 0) throw labErrors.notRoot(user);
  claimFolder(settings);
  checkDisk(settings);
  await checkPorts(settings);
  await dockerInUse(settings);
}

function claimFolder({ dir, markFile }: LabSettings): void {
  mkdirSync(dir, { recursive: true });
  if (existsSync(markFile)) return;
  const foreign = readdirSync(dir).filter((entry) => !NOT_FOREIGN.includes(entry));
  if (foreign.length > 0) throw labErrors.foreignFolder(dir);
  writeFileSync(
    markFile,
    "The embedded homelab of homelab-mlflow. `make lab-down` stops its servers.\n",
  );
}

function checkDisk({ dir, stateFile }: LabSettings): void {
  if (existsSync(stateFile)) return; // it has taken what it needs
  const { bavail, bsize } = statfsSync(dir);
  const freeGiB = (bavail * bsize) / 2 ** 30;
  if (freeGiB < NEEDED_GIB) throw labErrors.diskFull(dir, freeGiB, NEEDED_GIB);
}

async function checkPorts(settings: LabSettings): Promise<void> {
  const { ports, nomad } = settings;
  const wanted: [port: number, what: string][] = [
    [ports.registry, "the registry"],
    [ports.nomadHttp, "Nomad's HTTP API"],
    [ports.nomadRpc, "Nomad's RPC"],
    [ports.nomadSerf, "Nomad's gossip"],
    [ports.nomadClientHttp, "the Nomad client's HTTP API"],
    [ports.traefik, "Traefik"],
    [ports.dns, "dnsmasq"],
  ];
  // Once there are allocations, MLflow's port may rightly be taken by MLflow.
  if (!hasAllocations(nomad.clientDataDir)) wanted.push([ports.mlflow, "MLflow"]);
  for (const [port, what] of wanted) await checkPort(settings, port, what);
}

async function checkPort(settings: LabSettings, port: number, what: string): Promise<void> {
  for (let patience = 20; await isPortTaken(port); patience -= 1) {
    const holder = portHolder(port);
    if (holder && isOfLab(settings, holder.pid)) return;
    if (holder || patience === 0) throw labErrors.portTaken(port, what, holder);
    await sleep(100); // nobody's: of a process that is about to be gone
  }
}

function hasAllocations(nomadDataDir: string): boolean {
  const allocations = join(nomadDataDir, "alloc");
  return existsSync(allocations) && readdirSync(allocations).length > 0;
}
