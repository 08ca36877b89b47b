import { readFileSync, rmSync } from "node:fs";
import {
  identify,
  isRunning,
  type ProcessIdentity,
  processesOfGroup,
  signalProcess,
  waitForEnd,
} from "../lab/processes.ts";
import { writeWhole } from "../lab/write-file.ts";
import { terraformBelow } from "./interrupt.ts";

/** Seconds Terraform has to write its state. */
const PATIENCE = 30;

interface Note {
  /** The command of ours that started cdktf. */
  readonly owner: ProcessIdentity;
  /** The cdktf it started, which leads a process group of its own. */
  readonly cdktf: ProcessIdentity;
}

/**
 * Notes which cdktf this process has started: killed, it can't end it.
 *
 * @returns what takes the note away
 */
export function noteCdktf(file: string, cdktf: number): () => void {
  const note = { owner: identify(process.pid), cdktf: identify(cdktf) };
  // Without /proc nobody could tell later whose pid that is.
  try {
    if (note.owner && note.cdktf) writeWhole(file, JSON.stringify(note));
  } catch {
    // a full disk: cdktf, which runs already, will say so
  }
  return () => rmSync(file, { force: true });
}

/**
 * Ends the cdktf and Terraform of a command that was killed: they would hold the state's lock. A
 * command that runs is left alone.
 *
 * @param terraform the name or path by which cdktf starts Terraform
 */
export async function endLeftover(
  file: string,
  terraform: string,
  say: (line: string) => void,
): Promise<void> {
  const note = readNote(file);
  if (!note || isRunning(note.owner)) return;
  const leader = identify(note.cdktf.pid);
  const reused = leader && !isRunning(note.cdktf);
  const rebooted = note.cdktf.bootId !== identify(process.pid)?.bootId;
  const group = reused || rebooted ? [] : processesOfGroup(note.cdktf.pid);
  if (group.length > 0) {
    say("ending what a command that was killed left running");
    // Terraform may have a terminal, and so a group, of its own.
    await end(terraformBelow(note.cdktf.pid, terraform), "SIGINT");
    await end(group, "SIGTERM");
  }
  rmSync(file, { force: true });
}

async function end(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const each of processes) signalProcess(each, signal);
  const ended = await Promise.all(processes.map((each) => waitForEnd(each, PATIENCE)));
  for (const each of processes) signalProcess(each, "SIGKILL");
  if (ended.includes(false)) await Promise.all(processes.map((each) => waitForEnd(each, 5)));
}

function readNote(file: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // none, or half of one
  }
}
