/** Starts, finds and stops the servers of a lab, which outlive the command that started them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { labErrors, lastLines } from "./errors.ts";
import {
  commandLine,
  identify,
  isRunning,
  type ProcessIdentity,
  processesWithVariable,
  signalProcess,
  waitForEnd,
  withDescendants,
} from "./processes.ts";
import { type LabSettings, logFile, pidFile, type ServerName } from "./settings.ts";
import { writeWhole } from "./write-file.ts";

/** In the environment of every server and of what it starts in turn: whose lab it belongs to. */
const MARK = "HOMELAB_LAB_OWNER";

const pidFileSchema = z.object({
  pid: z.int().positive(),
  startTicks: z.int(),
  bootId: z.string(),
});

export interface ServerCommand {
  readonly name: ServerName;
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** More environment variables. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whom it runs as. Default: who started it. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Says why it is not healthy yet; nothing when it is. */
  readonly unhealthy: () => Promise<string | undefined>;
  /** Seconds it may take to become healthy. */
  readonly patience: number;
}

/** The server when it runs: by its pid file, else (that was lost) by mark and command line. */
export function findServer(
  settings: LabSettings,
  name: ServerName,
  command?: readonly string[],
): ProcessIdentity | undefined {
  const recorded = readPidFile(pidFile(settings, name));
  if (recorded && isRunning(recorded)) return recorded;
  if (!command) return undefined;
  const wanted = command.join("\0");
  const lost = processesWithVariable(MARK, settings.dir).find(
    ({ pid }) => commandLine(pid).join("\0") === wanted,
  );
  if (lost) writeWhole(pidFile(settings, name), JSON.stringify(lost));
  return lost;
}

/**
 * Starts a server unless it runs, and waits until it is healthy. One that runs by another command
 * line (an older binary, another option) is started anew.
 *
 * @returns whether this call started it
 * @throws LabError with the end of the server's log when it dies or stays unhealthy; a server that
 *   this call started is stopped again first
 */
export async function ensureServer(
  settings: LabSettings,
  server: ServerCommand,
  signal: AbortSignal,
): Promise<"started" | "running"> {
  const running = findServer(settings, server.name, server.command);
  if (running && commandLine(running.pid).join("\0") !== server.command.join("\0")) {
    await stopServer(settings, server.name);
  } else if (running) {
    await waitUntilHealthy(settings, server, running, signal);
    return "running";
  }
  signal.throwIfAborted();
  const started = await startServer(settings, server);
  try {
    await waitUntilHealthy(settings, server, started, signal);
  } catch (error) {
    await stopServer(settings, server.name);
    throw error;
  }
  return "started";
}

/** Whether a process was started by this lab, or by one of its servers. */
export function isOfLab(settings: LabSettings, pid: number): boolean {
  return processesWithVariable(MARK, settings.dir).some((each) => each.pid === pid);
}

/** Ends a server by pid, politely first; its data stays. Does nothing when it does not run. */
export async function stopServer(
  settings: LabSettings,
  name: ServerName,
  patience = 60,
): Promise<"stopped" | "not running"> {
  const file = pidFile(settings, name);
  const running = findServer(settings, name);
  if (running) await endProcess(running, name, patience);
  rmSync(file, { force: true });
  return running ? "stopped" : "not running";
}

/**
 * Ends what the lab's servers left behind when they were stopped, or killed: helpers of Nomad,
 * containerd, and containers, which carry no mark but descend from a process that does.
 */
export async function stopLeftovers(settings: LabSettings): Promise<void> {
  const leftovers = withDescendants(processesWithVariable(MARK, settings.dir));
  await Promise.all(leftovers.map((each) => endProcess(each, commandLine(each.pid).join(" "), 10)));
}

async function startServer(settings: LabSettings, server: ServerCommand): Promise<ProcessIdentity> {
  mkdirSync(settings.logDir, { recursive: true });
  const log = openSync(logFile(settings, server.name), "a");
  const [program, ...args] = server.command;
  try {
    const child = spawn(program, args, {
      // A session of its own: neither Ctrl-C nor the end of this terminal reaches it.
      detached: true,
      stdio: ["ignore", log, log],
      cwd: settings.dir,
      env: { ...serverEnvironment(settings), ...server.env },
      ...server.user,
    });
    await once(child, "spawn");
    child.unref();
    const identity = identify(child.pid as number);
    const file = logFile(settings, server.name);
    if (!identity) throw labErrors.serverDied(server.name, file, endOf(file));
    writeWhole(pidFile(settings, server.name), JSON.stringify(identity));
    return identity;
  } finally {
    closeSync(log);
  }
}

/** A user's NOMAD_ and DOCKER_ variables are meant for the clients, not for these servers. */
function serverEnvironment(settings: LabSettings): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(NOMAD|DOCKER|ANSIBLE)_/.test(name),
  );
  return { ...Object.fromEntries(kept), [MARK]: settings.dir };
}

async function waitUntilHealthy(
  settings: LabSettings,
  server: ServerCommand,
  running: ProcessIdentity,
  signal: AbortSignal,
): Promise<void> {
  const log = logFile(settings, server.name);
  const deadline = Date.now() + server.patience * 1000;
  for (;;) {
    signal.throwIfAborted();
    const reason = await server.unhealthy();
    if (reason === undefined) return;
    if (!isRunning(running)) throw labErrors.serverDied(server.name, log, endOf(log));
    if (Date.now() > deadline)
      throw labErrors.serverSilent(server.name, server.patience, log, reason);
    await sleep(200);
  }
}

/** Ends a process, politely first. @param patience seconds until it is killed */
export async function endProcess(
  target: ProcessIdentity,
  name: string,
  patience: number,
): Promise<void> {
  signalProcess(target, "SIGTERM");
  if (await waitForEnd(target, patience)) return;
  signalProcess(target, "SIGKILL");
  if (!(await waitForEnd(target, 10))) throw labErrors.serverImmortal(name, target.pid);
}

function readPidFile(path: string): ProcessIdentity | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return pidFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined; // half a file, or somebody else's: the server is searched for instead
  }
}

function endOf(log: string): string {
  return existsSync(log) ? lastLines(readFileSync(log, "utf8")) : "";
}
