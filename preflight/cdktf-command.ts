import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Shells and package runners stand between the cdktf command and its app. */
const GENERATIONS = 6;

/**
 * The cdktf command this app runs under, such as "deploy", or undefined when it was started by
 * hand. cdktf tells its app nothing about it, so the command lines of the parents are read.
 */
export function cdktfCommand(): string | undefined {
  let pid = process.ppid;
  for (let generation = 0; generation < GENERATIONS && pid > 1; generation++) {
    const parent = readProcess(pid);
    if (!parent) return undefined;
    const at = parent.args.findIndex((arg) => /(^|[/\\])cdktf(\.js)?$/.test(arg));
    const command = parent.args.slice(at + 1).find((arg) => !arg.startsWith("-"));
    if (at >= 0 && command) return command;
    pid = parent.ppid;
  }
  return undefined;
}

function readProcess(pid: number): { ppid: number; args: string[] } | undefined {
  try {
    if (process.platform === "linux") {
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return { ppid: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), args };
    }
    const line = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" });
    const [ppid, ...args] = line.trim().split(/\s+/);
    return { ppid: Number(ppid), args };
  } catch {
    return undefined;
  }
}
