import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import { whyUnhealthy } from "../check/client.ts";
import { UserError } from "../config/errors.ts";
import { loadConfig } from "../config/load.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { driversOf } from "../config/storage.ts";
import { DATABASES } from "../database/kinds.ts";
import { Interrupted } from "../lab/errors.ts";
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import { dnsRecordEntry } from "../stacks/dns-record-entry.ts";
import { BUILD_LOG } from "../stacks/mlflow-stack.ts";
import { secretsSpec } from "../stacks/secrets-spec.ts";
import { explainBuild, lastBuildStep } from "./build-output.ts";
import { logDirectory, outputDirectory, runCdktf } from "./cdktf.ts";
import { conclusion, jobStatus } from "./conclusion.ts";
import { labSteps } from "./lab.ts";
import {
  explainFailure,
  parseTerraformLine,
  type TerraformEvent,
  warningsIn,
} from "./terraform-progress.ts";

/** The resources of a deploy that take time, in their order, by the start of their address. */
const STEPS: readonly [prefix: string, title: string][] = [
  ["terraform_data.job-claim_name", "Claim the job's name"],
  ["docker_image.server-image", "Build the image"],
  ["docker_registry_image.server-image", "Push the image"],
  ["terraform_data.nomad-volumes", "Prepare the volumes on the Nomad clients"],
  ...Object.entries(DATABASES).flatMap(([kind, { title }]): [string, string][] => [
    [`terraform_data.${kind}_look`, `Look at ${title}'s volume from its Nomad client`],
    [`nomad_job.${kind}_job`, `Register ${title}'s job`],
    [`terraform_data.${kind}_healthy`, `Wait for ${title}`],
  ]),
  ["terraform_data.dns-record", "Make the DNS record"],
  ["terraform_data.task-secrets_values", "Write the secrets to Nomad"],
  ["terraform_data.store-probe", "Look at the stores from a Nomad client"],
  ["nomad_job.mlflow-job", "Register the job"],
  ["terraform_data.deployment-check", "Wait for the server and check it from outside"],
];

/** The job's restart delay, and a start. */
const RESTART_MS = 75_000;

const LOOK_MS = 500;

type Summary = Extract<TerraformEvent, { kind: "summary" }>;

/** What is asked of the Listr task that is on. */
interface Step {
  output: string;
}

/** `cdktf deploy mlflow` with all it needs before, and what a user wants to know after. */
export async function deploy(): Promise<void> {
  const { config, version } = await loadConfig();
  const run = new CdktfRun(config);
  const steps = new Listr(
    [
      ...(config.embedded ? labSteps(labSettings()) : []),
      {
        title: "Plan the changes (cdktf deploy mlflow)",
        task: (_, task) => run.plan(task),
      },
      ...stepsOf(config).map(([prefix, title]) => waitFor(run, prefix, title)),
      { title: "Finish", task: (_, task) => run.finished(task) },
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
  for (const warning of run.warnings) console.error(warning);
  const outputs = run.outputs();
  const nomadBinary = config.embedded ? readLabState(labSettings())?.nomadBinary : undefined;
  const changed = run.summary !== undefined && !isNothing(run.summary);
  if (!changed && config.check.through === "url")
    await expectAnswer(config, outputs.url ?? "", jobStatus(config, outputs, nomadBinary));
  console.log(conclusion({ config, version, changed, outputs, nomadBinary }).join("\n"));
}

/** Who has no secrets, or no stores elsewhere, need not read of them. */
function stepsOf(config: HomelabConfig): typeof STEPS {
  const { type } = config.storage.backendStore;
  const left = [
    ...(Object.keys(secretsSpec(config).sources).length === 0 ? ["task-secrets"] : []),
    ...Object.keys(DATABASES).flatMap((kind) => (type === `managed-${kind}` ? [] : [`.${kind}_`])),
    ...(driversOf(config.storage).length === 0 ? ["store-probe"] : []),
  ];
  return STEPS.filter(([prefix]) => !left.some((each) => prefix.includes(each)));
}

function waitFor(run: CdktfRun, prefix: string, title: string): ListrTask {
  // Terraform works on several at a time: our own clock would begin when the one before has ended.
  const untimed = { timer: undefined };
  return {
    title,
    rendererOptions: untimed,
    fallbackRendererOptions: untimed,
    task: async (_, task) => {
      if (await run.resource(prefix, task)) task.title = `${title} [${run.timeOf(prefix)}]`;
      else task.skip("unchanged");
    },
  } as ListrTask;
}

/** One run of cdktf, started when it is first asked for. */
class CdktfRun {
  private readonly config: HomelabConfig;
  private readonly planned = new Set<string>();
  /** By resource, what Terraform says it took. */
  private readonly completed = new Map<string, string>();
  private readonly waiting = new Set<() => void>();
  private say: (resource: string, text: string) => void = () => {};
  private step: Step = { output: "" };
  private planMade = false;
  private ended: Promise<void> | undefined;
  private result: "running" | "done" | "failed" = "running";
  summary: Summary | undefined;
  /** Of our own programs, for after the step list. */
  warnings: readonly string[] = [];
  /** Why cdktf failed, for after the step list. */
  failure: UserError | undefined;

  constructor(config: HomelabConfig) {
    this.config = config;
  }

  /** Starts cdktf and returns when the plan is made. */
  plan(step: Step): Promise<void> {
    this.step = step;
    this.ended ??= this.start();
    return this.until(() => this.planMade);
  }

  /**
   * Waits for a resource.
   *
   * @returns false when the plan has no change to it
   */
  async resource(prefix: string, step: Step): Promise<boolean> {
    this.step = step;
    this.say = (resource, text) => {
      if (matches(resource, prefix)) step.output = text;
    };
    if (![...this.planned].some((each) => matches(each, prefix))) return false;
    const done = () => this.timeOf(prefix) !== undefined;
    const build = prefix.startsWith("docker_image.") ? this.showBuild(step) : undefined;
    await this.until(done).finally(() => clearInterval(build));
    return done();
  }

  finished(step: Step): Promise<void> {
    this.step = step;
    return this.ended ?? Promise.resolve();
  }

  /** What Terraform says a resource took, such as "1m2s"; undefined while it is at it. */
  timeOf(prefix: string): string | undefined {
    return [...this.completed].findLast(([resource]) => matches(resource, prefix))?.[1];
  }

  /** Terraform's outputs. */
  outputs(): Record<string, string> {
    const file = this.outputsFile();
    if (!existsSync(file)) return {};
    return JSON.parse(readFileSync(file, "utf8")).mlflow ?? {};
  }

  private outputsFile(): string {
    return join(logDirectory(this.config), "outputs.json");
  }

  private buildLog(): string {
    return join(outputDirectory(this.config), BUILD_LOG);
  }

  private readBuildLog(): string {
    return existsSync(this.buildLog()) ? readFileSync(this.buildLog(), "utf8") : "";
  }

  /** Terraform hands on nothing of what the build says. */
  private showBuild(step: Step): NodeJS.Timeout {
    let shown: string | undefined;
    return setInterval(() => {
      const now = lastBuildStep(this.readBuildLog());
      if (now && now !== shown) step.output = now;
      shown = now;
    }, LOOK_MS);
  }

  private async start(): Promise<void> {
    for (const old of [this.outputsFile(), this.buildLog()]) {
      mkdirSync(dirname(old), { recursive: true });
      rmSync(old, { force: true });
    }
    const { exitCode, interrupted, lines, log } = await runCdktf(
      "deploy",
      this.config,
      ["--auto-approve", "--outputs-file", this.outputsFile()],
      {
        line: (line) => this.note(line),
        say: (text) => {
          this.step.output = text;
        },
      },
    ).catch((error) => {
      this.result = "failed";
      if (error instanceof UserError) this.failure = error;
      this.wake();
      throw error instanceof UserError ? new Error("see below") : error;
    });
    this.warnings = warningsIn(lines);
    this.result = exitCode === 0 ? "done" : "failed";
    if (this.result === "failed")
      this.failure = interrupted
        ? new Interrupted(
            "the deploy was interrupted; runs and artifacts are untouched, deploy again to go on from here",
          )
        : new UserError([
            ...(explainBuild(this.readBuildLog(), lines, this.config.image.baseImage) ??
              explainFailure(lines)),
            `the whole output is in ${log}`,
          ]);
    this.wake();
    this.throwIfFailed();
  }

  /** Listr shows the words; what a user has to read comes after the list. */
  private throwIfFailed(): void {
    if (this.result !== "failed") return;
    throw new Error(this.failure instanceof Interrupted ? "interrupted" : "see below");
  }

  private note(line: string): void {
    const event = parseTerraformLine(line);
    if (!event) return;
    if (event.kind === "planned") this.planned.add(event.resource);
    if (event.kind === "plan-made") this.planMade = true;
    if (event.kind === "completed") this.completed.set(event.resource, event.took);
    if (event.kind === "said") this.say(event.resource, event.text);
    if (event.kind === "summary") this.summary = event;
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
    if (!condition()) {
      await this.ended;
      this.throwIfFailed();
    }
  }
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
async function expectAnswer(
  config: HomelabConfig,
  url: string,
  job: readonly string[],
): Promise<void> {
  const ask = () => whyUnhealthy(url, dnsRecordEntry(config));
  let asked = await ask();
  if (asked) console.log("MLflow does not answer; waiting for Nomad to start it again");
  for (const end = Date.now() + RESTART_MS; asked && Date.now() < end; asked = await ask())
    await sleep(1_000);
  if (asked)
    throw new UserError([
      `${url}/health: expected 200, found ${asked}, although nothing was to be changed; see the job's events and log: ${job.join("; ")}; where a volume is gone or stale there, make prepare`,
    ]);
}
