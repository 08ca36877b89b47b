import { createInterface } from "node:readline/promises";
import { UserError } from "../../config/errors.ts";
import { expectNamespace } from "../../nomad/namespace.ts";
import { readSecrets } from "../../secrets/read.ts";
import { sweepVolume } from "../../sweep/files-job.ts";
import { ensureSweepImage, sweepImage } from "../../sweep/image.ts";
import { readInput, type SweepInput } from "../../sweep/input.ts";
import { type SweepImages, scriptThatFits, sweepJob } from "../../sweep/job.ts";
import { removeLeftovers } from "../../sweep/leftovers.ts";
import { runLocally } from "../../sweep/local.ts";
import {
  expectFreeName,
  expectPlace,
  parseJob,
  register,
  secretsText,
} from "../../sweep/register.ts";
import { taskName } from "../../sweep/render.ts";
import { localWork, sweepWork } from "../../sweep/runner.ts";
import { copySources, type Source, scanSources } from "../../sweep/send-input.ts";
import { OWN_IMAGE, pushedServerImage, serverImage } from "../../sweep/sidecars/own-tracker.ts";
import { type Tracking, trackingOf } from "../../sweep/tracking.ts";
import { BAD_INPUT, failWith } from "../exit-code.ts";
import { asking, type Context, contextOf, sweepCommand } from "./context.ts";
import { backOf, sending } from "./sending.ts";
import { waitFor } from "./waiting.ts";

/** Above so many tasks, somebody is asked. */
const ASKED_ABOVE = 100;

export interface RunOptions {
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly namespace?: string;
}

/** Registers a sweep; waits for it where that is asked for. */
export async function run(command: readonly string[], options: RunOptions): Promise<void> {
  const { json = false, dryRun = false } = options;
  const first = await contextOf(options.namespace);
  const hasVolume = first.config.volumes.files !== undefined;
  const read = readInput(command, { ...options }, first.config.sweep, hasVolume);
  const tracking = trackingOf(first.config, read);
  const secretSources = { ...read.secrets, ...tracking.secrets };
  const input: SweepInput = { ...read, ...tracking.input, secrets: secretSources };
  // All that is missing is told before anything is asked of anybody.
  const secrets = await failWith(BAD_INPUT, async () => readSecrets(input.secrets));
  const sources = await scanSources(input.files, input.command[input.scriptPlace]);
  for (const notice of [...read.notices, ...tracking.notices]) console.error(notice);
  if (input.local && dryRun) return show(input, { script: localScript(input, tracking) }, json);
  if (input.local) {
    await confirm(input);
    return local(input, tracking, secrets, sources, json);
  }
  const context = input.namespace ? await contextOf(input.namespace) : first;
  const volume = sweepVolume(input, context.config);
  const work = sweepWork(input, tracking.variables, volume, tracking.tracker);
  const job = (images: SweepImages) =>
    sweepJob(work, context.config, context.target, images, tracking.tracker);
  const secretLines = secretsText(secrets, input);
  if (dryRun) return plan(context, input, job(plannedImages(context, input)), json);
  // What is too large, or has no place, is refused before an image is built.
  await asking(context, async () => {
    await expectRoom(context, input, job(plannedImages(context, input)));
  });
  await confirm(input);
  await asking(context, async () => {
    const parsed = await parseJob(context.nomad, job(await imagesOf(context, input)));
    const notices = await sending(context, work, sources, () =>
      register(context.nomad, input, work.isLate ? secretLines : undefined, parsed),
    );
    for (const notice of notices) console.error(notice);
    await removeLeftovers(context.nomad);
  });
  const { name, tasks } = input;
  const registered = { name, tasks: tasks.length, namespace: context.target.namespace };
  if (json && !input.wait) return console.log(JSON.stringify(registered, undefined, 2));
  if (!json) console.log(`${name}: registered, ${count(tasks.length)}`);
  if (!input.wait) return console.log(`${sweepCommand(context, `wait ${name}`)} shows how it goes`);
  const { waitTimeout: timeout } = input;
  const back = backOf(input, sources);
  await asking(context, () => waitFor(context, name, { json, timeout, failFast: true, back }));
}

async function imagesOf({ config, version }: Context, input: SweepInput): Promise<SweepImages> {
  const { driver, container, requirements, sidecars } = input;
  const mlflow = hasOwnTracker(input) ? await pushedServerImage(config, version) : undefined;
  const ownIsUsed = driver === "docker" && !container;
  const own =
    ownIsUsed || sidecars.length > 0
      ? await ensureSweepImage(config, requirements?.text, console.error)
      : undefined;
  return { ...imagesWith(input, own), mlflow };
}

function plannedImages({ config, version }: Context, input: SweepInput): SweepImages {
  const { repository, tag } = sweepImage(config, input.requirements?.text);
  const mlflow = hasOwnTracker(input) ? serverImage(config, version) : undefined;
  return { ...imagesWith(input, `${config.registry.address}/${repository}:${tag}`), mlflow };
}

function hasOwnTracker({ sidecars }: SweepInput): boolean {
  return sidecars.some(({ image }) => image === OWN_IMAGE);
}

/** @param own image of ours */
function imagesWith(input: SweepInput, own: string | undefined): SweepImages {
  const { driver, container, sidecars } = input;
  return {
    tasks: driver === "raw_exec" ? undefined : (container ?? own),
    tracker: sidecars.length > 0 ? own : undefined,
  };
}

/** What would be registered, and whether Nomad has a place for it. */
async function plan(
  context: Context,
  input: SweepInput,
  hcl: string,
  json: boolean,
): Promise<void> {
  show(input, { job: hcl }, json);
  await asking(context, async () => {
    await expectRoom(context, input, hcl);
  });
  if (!json) console.log(`${input.name}: Nomad would take it`);
}

/** Tells what may be waited for. @throws UserError where Nomad would not take the sweep, or has no place for it */
async function expectRoom(
  { nomad, target }: Context,
  input: SweepInput,
  hcl: string,
): Promise<void> {
  await expectNamespace(nomad, target.namespace);
  await expectFreeName(nomad, input.name);
  const planned = await parseJob(nomad, hcl);
  for (const notice of await expectPlace(nomad, input, planned)) console.error(notice);
}

/** What a sweep would be. */
function show(
  { name, tasks: all }: SweepInput,
  what: { readonly job: string } | { readonly script: string },
  json: boolean,
): void {
  const tasks = all.map(({ id, input: value }) => ({ id, value }));
  if (json) {
    console.log(JSON.stringify({ name, tasks, ...what }, undefined, 2));
    return;
  }
  console.log("job" in what ? what.job : what.script);
  for (const { id, value } of tasks) console.log(`${id}  ${value}`);
  const done = "job" in what ? "built or registered" : "run";
  console.log(`${name}: ${count(tasks.length)}; nothing was ${done}`);
}

function localScript(input: SweepInput, { variables }: Tracking): string {
  return scriptThatFits(localWork(input, variables));
}

async function local(
  input: SweepInput,
  tracking: Tracking,
  secrets: Readonly<Record<string, string>>,
  sources: readonly Source[],
  json: boolean,
): Promise<void> {
  const { name, tasks, failFast, maxWorkers = 1 } = input;
  const script = localScript(input, tracking);
  const say = json ? console.error : console.log;
  const prepare = (work: string) => copySources(sources, work);
  const sweep = { name, tasks, script, secrets, maxWorkers, failFast, prepare };
  const { folder, exitCodes } = await runLocally(sweep, (task, line) =>
    say(`[${task.id}] ${line}`),
  );
  const results = tasks.map(({ id, input: value }) => ({ id, value, exitCode: exitCodes.get(id) }));
  const failed = results.filter(({ exitCode }) => exitCode !== 0);
  const notStarted = failed.filter(({ exitCode }) => exitCode === undefined).length;
  if (json) console.log(JSON.stringify({ name, folder, tasks: results }, undefined, 2));
  for (const { exitCode, ...task } of failed)
    say(`${taskName(task)}: ${exitCode === undefined ? "not started" : `exit code ${exitCode}`}`);
  const left = notStarted > 0 ? `, ${notStarted} not started` : "";
  say(
    `${name}: ${tasks.length - failed.length} done, ${failed.length - notStarted} failed${left}; their folders are in ${folder}`,
  );
  if (failed.length > 0) process.exitCode = 1;
}

async function confirm({ tasks, yes }: SweepInput): Promise<void> {
  if (yes || tasks.length <= ASKED_ABOVE) return;
  if (!process.stdin.isTTY)
    throw new UserError(
      [
        `--yes: expected with ${tasks.length} tasks, as more than ${ASKED_ABOVE} are asked about and there is no terminal`,
      ],
      BAD_INPUT,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`Run ${tasks.length} tasks? Type yes to go on: `);
  terminal.close();
  if (answer !== "yes") throw new UserError(["the answer was not yes: nothing was run"], BAD_INPUT);
}

function count(tasks: number): string {
  return tasks === 1 ? "1 task" : `${tasks} tasks`;
}
