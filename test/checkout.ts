import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { ROOT } from "../config/load.ts";
import { labSettings } from "../lab/settings.ts";
import { testToolsDirectory } from "./tools.ts";

/** What a user has: a checkout to edit, and a terminal to type in. */
export class Checkout {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** A copy of this repository as it is now, uncommitted files included. */
  static async create(name: string): Promise<Checkout> {
    const directory = join(labSettings().dir, "checkouts", name);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const files = await execa("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
      cwd: ROOT,
      lines: true,
    });
    // With the bundle of the command, and the times by which it knows its sources.
    const bundle = existsSync(join(ROOT, "dist")) ? ["dist"] : [];
    const copied = ["--archive", "--parents", ...files.stdout, ...bundle, directory];
    await execa("cp", copied, { cwd: ROOT });
    symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
    // As after npm ci: what is installed is newer than the lock file.
    utimesSync(join(directory, "package-lock.json"), 0, 0);
    return new Checkout(directory);
  }

  read(file: string): string {
    return readFileSync(join(this.directory, file), "utf8");
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.directory, file), text);
  }

  /**
   * Writes homelab.config.ts: the embedded homelab with something on top. Other tests' servers, and the
   * machine's other users, may keep a new server waiting for long.
   */
  configure(more: string): void {
    this.write(
      "homelab.config.ts",
      [
        'import { defineHomelab } from "homelab-mlflow";',
        'import { embedded } from "homelab-mlflow/lab";',
        "const patient = { job: { ...embedded.job, healthyDeadline: 600 } };",
        `export default defineHomelab({ ...embedded, ...patient, ${more} });`,
        "",
      ].join("\n"),
    );
  }

  /** Runs `make TARGET` and gives back what a user reads, and the exit code. */
  async make(...args: string[]): Promise<{ output: string; exitCode: number }> {
    const run = this.start(...args);
    const { all, exitCode } = await run;
    return { output: String(all), exitCode: exitCode ?? 1 };
  }

  /** Runs `npx homelab ARGS`, with a Python on PATH that has MLflow's client. */
  async homelab(
    args: readonly string[],
    { env = {}, input = "" }: { env?: Readonly<Record<string, string>>; input?: string } = {},
  ): Promise<{ stdout: string; output: string; exitCode: number }> {
    const PATH = `${testToolsDirectory()}:${process.env.PATH}`;
    const options = { cwd: this.directory, env: { PATH, ...env }, input } as const;
    const run = await execa("node", ["cli/homelab.mjs", ...args], {
      ...options,
      reject: false,
      all: true,
    });
    return { stdout: run.stdout, output: run.all, exitCode: run.exitCode ?? 1 };
  }

  /** Like make, in a process group of its own that can be killed. */
  start(...args: string[]) {
    return execa("make", args, {
      cwd: this.directory,
      all: true,
      reject: false,
      stdin: "ignore",
      detached: true,
    });
  }
}
