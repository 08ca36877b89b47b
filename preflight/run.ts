import { execFile } from "node:child_process";

export interface Ran {
  /** The exit code, or why it did not run or end: "ENOENT", "SIGTERM" after the time limit. */
  readonly code: number | string;
  readonly stderr: string;
}

/**
 * Runs a command to its end. Not execa's: its many modules would take a third of a synth to load.
 *
 * @param seconds after which it is ended
 */
export function run(
  command: string,
  args: readonly string[],
  seconds: number,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const options = { env: { ...process.env, ...env }, timeout: seconds * 1000 };
  return new Promise((resolve) => {
    const child = execFile(command, args, options, (error, _, stderr) => {
      resolve({ code: error?.code ?? error?.signal ?? 0, stderr: stderr.trim() });
    });
    child.stdin?.end();
  });
}
