import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { ROOT } from "../../config/load.ts";
import { NomadApi } from "../../nomad/api.ts";
import type { NomadAllocation } from "../../nomad/types.ts";
import type { SweepStatus, TaskStatus } from "../../sweep/gather.ts";
import { quoteShell } from "../../templates/quote-shell.ts";
import { sweepConfig } from "../sweep-config.ts";
import { type AgentOptions, type NomadAgent, startNomadAgent } from "./nomad-agent.ts";

/** Tasks that need no container, many at a time. */
export const SMALL = ["--driver", "raw_exec", "--cpu", "10", "--memory", "10"];
const PATIENCE_S = 120;

/** What somebody who runs sweeps has: a folder, with a config and a script in it, and a Nomad. */
export function sweepUser(options: AgentOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), "homelab-sweep-"));
  const config = join(directory, "homelab.config.ts");
  let agent: NomadAgent | undefined;

  const api = (namespace = "default") => {
    const target = { address: agent?.address, region: "global", namespace };
    return new NomadApi(target, { NOMAD_TOKEN: options.aclToken });
  };

  const inFolder = { cwd: directory, reject: false } as const;
  const variables = { HOMELAB_CONFIG: config, NOMAD_TOKEN: "" };
  const words = (args: readonly string[]) => [join(ROOT, "cli", "homelab.mjs"), "sweep", ...args];

  /** A command line, in the folder. */
  const start = (args: readonly string[], env: Record<string, string> = {}) =>
    execa("node", words(args), { ...inFolder, env: { ...variables, ...env }, stdin: "ignore" });

  const sweep = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await start(args);
    return { stdout, stderr, exitCode };
  };

  return {
    directory,
    api,
    start,
    sweep,

    async begin(): Promise<NomadAgent> {
      agent = await startNomadAgent(process.env.HOMELAB_TEST_NOMAD ?? "nomad", directory, options);
      writeFileSync(config, sweepConfig(agent.address));
      return agent;
    },

    async end(): Promise<void> {
      await agent?.stop();
      rmSync(directory, { recursive: true, force: true });
    },

    /** The same on a terminal, whose text is read as it comes and to which keys are sent. */
    onTerminal(...args: string[]) {
      const line = ["node", ...words(args)].map(quoteShell).join(" ");
      const command = `stty cols 120 rows 40; exec ${line}`;
      const options = { ...inFolder, env: variables };
      const running = execa("script", ["-qefc", command, "/dev/null"], options);
      let seen = "";
      running.stdout.on("data", (data) => {
        seen += data;
      });
      return { running, seen: () => stripVTControlCharacters(seen) };
    },

    /** Registers a sweep of a shell script, which gets its value. */
    async run(script: string, ...words: string[]) {
      writeFileSync(join(directory, "script.sh"), script);
      return sweep("run", ...SMALL, ...words, "--", "script.sh", "$SWEEP_INPUT");
    },

    async statusOf(name: string): Promise<SweepStatus> {
      return JSON.parse((await sweep("status", name, "--json")).stdout);
    },

    async allocations(name: string): Promise<NomadAllocation[]> {
      return (await api().get<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
    },
  };
}

/** Numbers of the tasks in a state. */
export function ids(tasks: readonly TaskStatus[], state: TaskStatus["state"]): number[] {
  return tasks.filter((task) => task.state === state).map(({ id }) => id);
}

/** Waits until something is so. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_S * 1000; !(await condition()); await sleep(200))
    if (Date.now() > end) throw new Error(`not after ${PATIENCE_S} s`);
}
