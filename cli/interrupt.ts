import { existsSync } from "node:fs";
import { basename } from "node:path";
import {
  commandLine,
  identify,
  type ProcessIdentity,
  signalProcess,
  withDescendants,
} from "../lab/processes.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** npx and make hand on what the terminal has sent to us already: that is no second Ctrl-C. */
const ECHO_MS = 1_000;

/** cdktf starts one Terraform after the other: init, plan, apply. */
const LOOK_MS = 300;

export interface Interruption {
  /** Whether there was a Ctrl-C. */
  happened(): boolean;
  /** Leaves Ctrl-C to others again. */
  release(): void;
}

/**
 * On the first Ctrl-C asks Terraform to end cleanly, on the second ends all at once. cdktf itself
 * would abort on the first, and leave Terraform to its fate.
 *
 * @param cdktf pid of a cdktf that leads a process group of its own, which Ctrl-C does not reach
 * @param terraform the name or path by which cdktf starts Terraform
 * @param say tells the user
 */
export function onInterrupt(
  cdktf: number,
  terraform: string,
  say: (line: string) => void,
): Interruption {
  let since: number | undefined;
  let looking: NodeJS.Timeout | undefined;
  const asked = new Set<number>();
  const ask = () => {
    for (const each of terraformBelow(cdktf, terraform)) {
      if (asked.has(each.pid)) continue;
      asked.add(each.pid);
      signalProcess(each, "SIGINT");
    }
  };
  const interrupt = () => {
    if (since === undefined) {
      since = Date.now();
      say("interrupted: waiting for Terraform to end cleanly; Ctrl-C again to end at once");
      ask();
      // No Terraform yet: cdktf is at its synth, which may end anywhere. Or none that can be found:
      // then it is in cdktf's group.
      if (asked.size === 0) signalGroup(cdktf, "SIGTERM");
      looking = setInterval(ask, LOOK_MS);
    } else if (Date.now() - since > ECHO_MS) {
      // cdktf may have given it a terminal, and so a group, of its own.
      const left = terraformBelow(cdktf, terraform);
      signalGroup(cdktf, "SIGKILL");
      for (const each of left) signalProcess(each, "SIGKILL");
    }
  };
  for (const each of SIGNALS) process.on(each, interrupt);
  return {
    happened: () => since !== undefined,
    release: () => {
      clearInterval(looking);
      for (const each of SIGNALS) process.off(each, interrupt);
    },
  };
}

/** The Terraforms that a cdktf has started; none where there is no /proc to look in. */
export function terraformBelow(cdktf: number, terraform: string): ProcessIdentity[] {
  const root = existsSync("/proc/self/stat") ? identify(cdktf) : undefined;
  if (!root) return [];
  const name = basename(terraform);
  // The second word, where the first is the interpreter of a script that wraps Terraform.
  return withDescendants([root]).filter(({ pid }) =>
    commandLine(pid)
      .slice(0, 2)
      .some((word) => basename(word) === name),
  );
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
