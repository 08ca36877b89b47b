import { execa } from "execa";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Seconds after which it is stopped and counts as failed. */
  readonly patience?: number;
  /** Runs even when we were told to stop: what tidies up. */
  readonly anyway?: boolean;
  /** Gives back what it printed as errors, too. @default false */
  readonly errorsToo?: boolean;
}

/** Ctrl-C: ends the command that runs, and lets no other begin. */
export const interruption = new AbortController();

/**
 * Runs a command to its end and gives back what it printed.
 *
 * @throws Error when it fails, with its last lines: there is no figure from a failure
 */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, input, patience = 600, anyway = false, errorsToo = false }: RunOptions = {},
): Promise<string> {
  const result = await execa(command, [...args], {
    cwd,
    env: { ...env },
    ...(input === undefined ? { stdin: "ignore" as const } : { input }),
    ...(anyway ? {} : { cancelSignal: interruption.signal }),
    all: true,
    reject: false,
    timeout: patience * 1000,
    forceKillAfterDelay: 10_000,
  });
  if (!result.failed) return String(errorsToo ? result.all : result.stdout);
  const why = result.timedOut ? `did not end in ${patience} s` : `ended with ${result.exitCode}`;
  const said = String(result.all).split("\n").slice(-30).join("\n");
  throw new Error(`${[command, ...args].join(" ")}: ${why}\n${said}`);
}
