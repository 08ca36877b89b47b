import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import { UserError } from "../config/errors.ts";
import { loadConfig, ROOT } from "../config/load.ts";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { labSettings } from "../lab/settings.ts";
import { labUpSteps } from "../lab/up.ts";
import { BUILD_LOG } from "../stacks/mlflow-stack.ts";
import { CDKTF, cdktfCall, outputDirectory } from "./cdktf.ts";
import { explainFailure, parseTerraformLine, type TerraformEvent } from "./terraform-progress.ts";

/** The resources of a deploy that take time, in their order, by the start of their address. */
const STEPS: readonly [prefix: string, title: string][] = [
  ["terraform_data.job-claim", "Claim the job's name"],
  ["docker_image.server-image", "Build the image"],
  ["docker_registry_image.server-image", "Push the image"],
  ["terraform_data.nomad-volumes", "Prepare the volumes on the Nomad clients"],
  ["nomad_job.mlflow-job", "Register the job"],
  ["terraform_data.deployment-check", "Wait for the server and check it from outside"],
];

const BUILD_LINES = 15;

/** The job's restart delay, and a start. */
const RESTART_MS = 75_000;

type Summary = Extract<TerraformEvent, { kind: "summary" }>;

interface Outcome {
  summary?: Summary;
}

/** `cdktf deploy mlflow` with all it needs before, and what a user wants to know after. */
export async function deploy(): Promise<void> {
  const { config } = await loadConfig();
  const outcome: Outcome = {};
  const run = new CdktfRun(config, outcome);
  const steps = new Listr(
    [
      ...(config.embedded ? labUpSteps(labSettings()) : []),
      { title: "Plan the changes (cdktf deploy mlflow)", task: () => run.plan() },
      ...STEPS.map(([prefix, title]) => waitFor(run, prefix, title)),
      { title: "Finish", task: () => run.finished() },
    ] as ListrTask[],
    {
      concurrent: false,
      registerSignalListeners: false,
      rendererOptions: {
        timer: PRESET_TIMER,
        collapseErrors: false,
        collapseSkips: false,
        showErrorMessage: false,
      },
      fallbackRenderer: "simple",
      fallbackRendererOptions: { timer: PRESET_TIMER },
    },
  );
  await steps.run().catch((error) => {
    throw run.failure ?? error;
  });
  const outputs = run.outputs();
  const unchanged = !outcome.summary || isNothing(outcome.summary);
  if (unchanged && config.check.through === "url") await expectAnswer(outputs);
  console.log(conclusion(config, outcome, outputs));
}

function waitFor(run: CdktfRun, prefix: string, title: string): ListrTask {
  return {
    title,
    task: async (_, task) => {
      const changed = await run.resource(prefix, (text) => {
        task.output = text;
      });
      if (!changed) task.skip("unchanged");
    },
  };
}

/** One run of cdktf, started when it is first asked for. */
class CdktfRun {
  private readonly config: HomelabConfig;
  private readonly outcome: Outcome;
  private readonly directory: string;
  private readonly planned = new Set<string>();
  private readonly completed = new Set<string>();
  private readonly lines: string[] = [];
  private readonly waiting = new Set<() => void>();
  private say: (resource: string, text: string) => void = () => {};
  private planMade = false;
  private ended: Promise<void> | undefined;
  private result: "running" | "done" | "failed" = "running";
  /** Why cdktf failed, for after the step list. */
  failure: UserError | undefined;

  constructor(config: HomelabConfig, outcome: Outcome) {
    this.config = config;
    this.outcome = outcome;
    this.directory = config.embedded ? join(labSettings().dir, "log") : join(ROOT, "cdktf.out");
  }

  /** Starts cdktf and returns when the plan is made. */
  plan(): Promise<void> {
    this.ended ??= this.start();
    return this.until(() => this.planMade);
  }

  /**
   * Waits for a resource.
   *
   * @returns false when the plan has no change to it
   */
  async resource(prefix: string, say: (text: string) => void): Promise<boolean> {
    this.say = (resource, text) => {
      if (matches(resource, prefix)) say(text);
    };
    const has = (set: Set<string>) => [...set].some((each) => matches(each, prefix));
    if (!has(this.planned)) return false;
    const done = () => has(this.completed);
    await this.until(done);
    return done();
  }

  finished(): Promise<void> {
    return this.ended ?? Promise.resolve();
  }

  /** Terraform's outputs. */
  outputs(): Record<string, string> {
    const file = this.outputsFile();
    if (!existsSync(file)) return {};
    return JSON.parse(readFileSync(file, "utf8")).mlflow ?? {};
  }

  private outputsFile(): string {
    return join(this.directory, "outputs.json");
  }

  private async start(): Promise<void> {
    const log = join(this.directory, "deploy.log");
    mkdirSync(dirname(log), { recursive: true });
    const buildLog = join(outputDirectory(this.config), BUILD_LOG);
    for (const old of [this.outputsFile(), buildLog]) rmSync(old, { force: true });
    const file = createWriteStream(log);
    const { args, env } = cdktfCall("deploy", this.config, [
      "--auto-approve",
      "--no-color",
      "--outputs-file",
      this.outputsFile(),
    ]);
    // CI: without a terminal's moving parts, a line is a line.
    const cdktf = execa("node", [CDKTF, ...args], {
      cwd: ROOT,
      env: { ...env, CI: "1", FORCE_COLOR: "0" },
      all: true,
      buffer: false,
      reject: false,
      stdin: "ignore",
    });
    // Ctrl-C reaches cdktf and Terraform as well, which end; the next deploy takes up what they were at.
    const interrupted = () =>
      this.lines.push("error: interrupted; deploy again to go on from here");
    process.on("SIGINT", interrupted);
    for await (const line of createInterface({ input: cdktf.all })) {
      file.write(`${line}\n`);
      this.lines.push(line);
      this.note(line);
    }
    const { exitCode } = await cdktf;
    process.off("SIGINT", interrupted);
    file.end();
    this.result = exitCode === 0 ? "done" : "failed";
    if (this.result === "failed")
      this.failure = new UserError([
        ...buildOutput(buildLog, this.lines),
        ...explainFailure(this.lines),
        `the whole output is in ${log}`,
      ]);
    this.wake();
    this.throwIfFailed();
  }

  private throwIfFailed(): void {
    if (this.result === "failed") throw new Error("see below");
  }

  private note(line: string): void {
    const event = parseTerraformLine(line);
    if (!event) return;
    if (event.kind === "planned") this.planned.add(event.resource);
    if (event.kind === "plan-made") this.planMade = true;
    if (event.kind === "completed") this.completed.add(event.resource);
    if (event.kind === "said") this.say(event.resource, event.text);
    if (event.kind === "summary") this.outcome.summary = event;
    this.wake();
  }

  private wake(): void {
    for (const each of this.waiting) each();
  }

  /** Returns when the condition holds or cdktf has ended well. */
  private async until(condition: () => boolean): Promise<void> {
    // Its failure is thrown below, by whoever waits.
    this.ended?.catch(() => {});
    while (!condition() && this.result === "running")
      await new Promise<void>((resolve) => {
        const once = () => {
          this.waiting.delete(once);
          resolve();
        };
        this.waiting.add(once);
      });
    if (!condition()) this.throwIfFailed();
  }
}

/** The end of what the image's build said, when it is the build that failed. */
function buildOutput(file: string, lines: readonly string[]): string[] {
  if (!lines.some((line) => line.includes("docker_image.server-image")) || !existsSync(file))
    return [];
  if (!lines.some((line) => /Error running \w+ build/.test(line))) return [];
  // Each line is a time, a step's number and what was said.
  const said = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.replace(/^[\d/]+ [\d:]+ /, ""));
  return said.filter((line) => line.trim() !== "").slice(-BUILD_LINES);
}

/** In the lab, the nomad command may stand in for the provider: the resource is called the same. */
function matches(resource: string, prefix: string): boolean {
  const name = (address: string) => address.slice(address.indexOf(".") + 1);
  return (
    resource.startsWith(prefix) ||
    (prefix.startsWith("nomad_job.") && name(resource).startsWith(name(prefix)))
  );
}

function isNothing({ added, changed, destroyed }: Summary): boolean {
  return added + changed + destroyed === 0;
}

/**
 * A deploy without changes asks nothing of the service; a server that is down is still told of. One
 * that ended with its Docker, or with the machine, is started again by Nomad after 30 s.
 */
async function expectAnswer({ url, nomad_job_url: job }: Record<string, string>): Promise<void> {
  const ask = () =>
    fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) }).then(
      ({ status }) => (status === 200 ? undefined : `status ${status}`),
      (error) => reason(error.cause ?? error),
    );
  let asked = await ask();
  if (asked) console.log("MLflow does not answer; waiting for Nomad to start it again");
  for (const end = Date.now() + RESTART_MS; asked && Date.now() < end; asked = await ask())
    await sleep(1_000);
  if (asked)
    throw new UserError([
      `${url}/health: expected 200, found ${asked}, although nothing was to be changed; see the job's events and log: ${job}`,
    ]);
}

function conclusion(
  config: HomelabConfig,
  { summary }: Outcome,
  outputs: Record<string, string>,
): string {
  const { url, image, version, nomad_job_url: job, playbook_command: playbook } = outputs;
  const undo = config.embedded
    ? [
        "make destroy            stops MLflow; its data stays",
        "make lab-down           stops the homelab; its data stays",
      ]
    : ["make destroy            stops MLflow; its data, volumes and images stay"];
  return [
    "",
    !summary || isNothing(summary)
      ? "Nothing to change: everything is as configured."
      : "MLflow is up, and was checked from outside.",
    "",
    `  MLflow ${version}    ${url}`,
    `  image           ${image}`,
    `  Nomad job       ${job}`,
    ...(playbook
      ? ["", "ansible.run is false: prepare the Nomad clients by hand with", `  ${playbook}`]
      : []),
    "",
    "Log a first run:",
    `  python3 -m venv venv && . venv/bin/activate && pip install mlflow-skinny==${version}`,
    `  MLFLOW_TRACKING_URI=${url} python3 -c 'import mlflow; mlflow.log_metric("accuracy", 0.9)'`,
    `and look at it: open ${url} in a browser.`,
    "",
    "Undo:",
    ...undo.map((line) => `  ${line}`),
  ].join("\n");
}
