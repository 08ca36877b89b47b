import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";

/** How a machine is reached. Its host key is the one that was made with its disk, and is checked. */
export interface SshTarget {
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  readonly knownHosts: string;
}

export interface SshOptions {
  /** Seconds the command may take. Default: 120. */
  readonly seconds?: number;
  /** What the command reads. Default: nothing. */
  readonly input?: string | Uint8Array;
  /** A command that fails throws. Default: true. */
  readonly reject?: boolean;
}

export interface SshResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Of the command; 255 when ssh itself failed, -1 when it did not end in time. */
  readonly exitCode: number;
}

/** The options and the destination of ssh(1): no config of the user's, no agent, no password. */
export function sshArguments({ port, user, privateKey, knownHosts }: SshTarget): string[] {
  const options = {
    BatchMode: "yes",
    ConnectTimeout: "10",
    GlobalKnownHostsFile: "/dev/null",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    IdentityFile: privateKey,
    LogLevel: "ERROR",
    ServerAliveCountMax: "3",
    ServerAliveInterval: "10",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHosts,
  };
  return [
    ...["-F", "none", "-p", String(port)],
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    `${user}@127.0.0.1`,
  ];
}

/**
 * Runs a line of shell on a machine.
 *
 * @throws ExecaError when it fails, unless `reject` is false
 */
export async function ssh(
  target: SshTarget,
  command: string,
  { seconds = 120, input, reject = true }: SshOptions = {},
): Promise<SshResult> {
  const { stdout, stderr, exitCode } = await execa("ssh", [...sshArguments(target), command], {
    reject,
    timeout: seconds * 1000,
    ...(input === undefined ? { stdin: "ignore" } : { input }),
  });
  return { stdout: String(stdout), stderr: String(stderr), exitCode: exitCode ?? -1 };
}

/**
 * Waits until a machine lets one in.
 *
 * @throws Error with ssh's last words when it does not in time
 */
export async function waitForSsh(target: SshTarget, seconds = 180): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const { exitCode, stderr } = await ssh(target, "true", { seconds: 30, reject: false });
    if (exitCode === 0) return;
    if (Date.now() > deadline)
      throw new Error(`${target.name}: ssh does not answer after ${seconds} s: ${stderr.trim()}`);
    await sleep(1000);
  }
}
