/** Processes of this machine, as /proc shows them. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A process that can be told from a later one with the same pid: the kernel gives pids out again,
 * but never with the same start time in the same boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process: field 22 of proc_pid_stat(5). */
  readonly startTicks: number;
  readonly bootId: string;
}

/** The identity of a running process; nothing when there is none, or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command's name is in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTicks: Number(fields[19]), bootId: bootId() };
}

export function isRunning(process: ProcessIdentity): boolean {
  const now = identify(process.pid);
  return (
    now !== undefined && now.startTicks === process.startTicks && now.bootId === process.bootId
  );
}

/** Sends a signal, unless the process is gone. Its identity is checked right before. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Waits until a process is gone; says whether it went in time. */
export async function waitForEnd(target: ProcessIdentity, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  while (isRunning(target)) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/** The command line of a process, one word an element; empty when it is gone. */
export function commandLine(pid: number): string[] {
  return (readProc(`${pid}/cmdline`) ?? "").split("\0").slice(0, -1);
}

/** All processes whose environment, as they were started with, holds `NAME=value`. */
export function processesWithVariable(name: string, value: string): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const pid of runningPids()) {
    if (pid === process.pid) continue;
    const environment = readProc(`${pid}/environ`)?.split("\0");
    if (!environment?.includes(`${name}=${value}`)) continue;
    const identity = identify(pid);
    if (identity) found.push(identity);
  }
  return found;
}

/** Processes and all that descend from them. */
export function withDescendants(roots: readonly ProcessIdentity[]): ProcessIdentity[] {
  const found = new Map(roots.map((root) => [root.pid, root]));
  const parents = runningPids().map((pid) => [pid, parentOf(pid)] as const);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) {
      if (parent === undefined || found.has(pid) || !found.has(parent)) continue;
      const identity = identify(pid);
      if (identity) found.set(pid, identity);
    }
  }
  return [...found.values()];
}

/** All processes of a process group. */
export function processesOfGroup(group: number): ProcessIdentity[] {
  return runningPids()
    .filter((pid) => groupOf(pid) === group)
    .map(identify)
    .filter((identity) => identity !== undefined);
}

function runningPids(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry))
    .map(Number);
}

function parentOf(pid: number): number | undefined {
  return statField(pid, 1);
}

function groupOf(pid: number): number | undefined {
  return statField(pid, 2);
}

/** A number out of proc_pid_stat(5), counted from the field after the command's name. */
function statField(pid: number, index: number): number | undefined {
  const stat = readProc(`${pid}/stat`);
  return stat === undefined
    ? undefined
    : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[index]);
}

function bootId(): string {
  return readProc("sys/kernel/random/boot_id")?.trim() ?? "";
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return undefined; // gone meanwhile, or not ours to read
  }
}
