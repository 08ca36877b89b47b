import { createInterface } from "node:readline/promises";
import { UserError } from "../../config/errors.ts";
import { readSecrets } from "../../secrets/read.ts";
import { ensureSweepImage, sweepImage } from "../../sweep/image.ts";
import { readInput, type SweepInput } from "../../sweep/input.ts";
import { sweepJob } from "../../sweep/job.ts";
import { runLocally } from "../../sweep/local.ts";
import {
  expectFreeName,
  expectPlace,
  parseJob,
  register,
  removeLeftovers,
} from "../../sweep/register.ts";
import { taskName } from "../../sweep/render.ts";
import { taskFiles } from "../../sweep/runner.ts";
import { type Tracking, trackingOf } from "../../sweep/tracking.ts";
import { BAD_INPUT, failWith } from "../exit-code.ts";
import { asking, type Context, contextOf } from "./context.ts";
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
  const read = readInput(command, { ...options }, first.config.sweep);
  const tracking = trackingOf(first.config, read.env, read.secrets);
  const input = { ...read, env: tracking.env, secrets: { ...read.secrets, ...tracking.secrets } };
  // All that is missing is told before anything is asked of anybody.
  const secrets = await failWith(BAD_INPUT, async () => readSecrets(input.secrets));
  for (const notice of [...read.notices, ...tracking.notices]) console.error(notice);
  if (input.local) return local(input, tracking, secrets, json);
  const context = input.namespace ? await contextOf(input.namespace) : first;
  const files = taskFiles(input, tracking.variables);
  const job = (image: string | undefined) =>
    sweepJob(input, files, context.config, context.target, image);
  if (dryRun) return plan(context, input, job(plannedImage(context, input)), json);
  // What is too large, or has no place, is refused before an image is built.
  await asking(context, async () => {
    await expectFreeName(context.nomad, input.name);
    const planned = await parseJob(context.nomad, job(plannedImage(context, input)));
    for (const notice of await expectPlace(context.nomad, input, planned)) console.error(notice);
  });
  await confirm(input);
  await asking(context, async () => {
    const image = await imageOf(context, input);
    const parsed = await parseJob(context.nomad, job(image));
    await register(context.nomad, input.name, parsed, input.secrets);
    await removeLeftovers(context.nomad);
  });
  const { name, tasks } = input;
  const registered = { name, tasks: tasks.length, namespace: context.target.namespace };
  if (json && !input.wait) return console.log(JSON.stringify(registered, undefined, 2));
  if (!json) console.log(`${name}: registered, ${count(tasks.length)}`);
  if (!input.wait) return console.log(`npx homelab sweep wait ${name} shows how it goes`);
  const { waitTimeout: timeout } = input;
  await asking(context, () => waitFor(context, name, { json, timeout, failFast: true }));
}

async function imageOf({ config }: Context, input: SweepInput): Promise<string | undefined> {
  if (input.driver === "raw_exec") return undefined;
  if (input.container) return input.container;
  return ensureSweepImage(config, input.requirements?.text, console.error);
}

function plannedImage({ config }: Context, input: SweepInput): string | undefined {
  if (input.driver === "raw_exec") return undefined;
  const { repository, tag } = sweepImage(config, input.requirements?.text);
  return input.container ?? `${config.registry.address}/${repository}:${tag}`;
}

/** What would be registered, and whether Nomad has a place for it. */
async function plan(
  context: Context,
  input: SweepInput,
  hcl: string,
  json: boolean,
): Promise<void> {
  const { name, tasks } = input;
  const shown = { name, tasks: tasks.map(({ id, input: value }) => ({ id, value })), job: hcl };
  if (json) console.log(JSON.stringify(shown, undefined, 2));
  else {
    console.log(hcl);
    for (const { id, value } of shown.tasks) console.log(`${id}  ${value}`);
    console.log(`${name}: ${count(tasks.length)}; nothing was built or registered`);
  }
  await asking(context, async () => {
    await expectFreeName(context.nomad, name);
    const parsed = await parseJob(context.nomad, hcl);
    for (const notice of await expectPlace(context.nomad, input, parsed)) console.error(notice);
  });
}

async function local(
  input: SweepInput,
  tracking: Tracking,
  secrets: Readonly<Record<string, string>>,
  json: boolean,
): Promise<void> {
  const { name, tasks, failFast, maxWorkers = 1 } = input;
  const files = taskFiles(input, tracking.variables);
  const say = json ? console.error : console.log;
  const sweep = { name, tasks, files, secrets, maxWorkers, failFast };
  const { folder, exitCodes } = await runLocally(sweep, (task, line) =>
    say(`[${task.id}] ${line}`),
  );
  const results = tasks.map(({ id, input: value }) => ({ id, value, exitCode: exitCodes.get(id) }));
  const failed = results.filter(({ exitCode }) => exitCode !== 0);
  if (json) console.log(JSON.stringify({ name, folder, tasks: results }, undefined, 2));
  for (const { exitCode, ...task } of failed)
    say(`${taskName(task)}: ${exitCode === undefined ? "not started" : `exit code ${exitCode}`}`);
  say(
    `${name}: ${tasks.length - failed.length} done, ${failed.length} failed; their folders are in ${folder}`,
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
  if (answer !== "yes")
    throw new UserError(["the answer was not yes: nothing was registered"], BAD_INPUT);
}

function count(tasks: number): string {
  return tasks === 1 ? "1 task" : `${tasks} tasks`;
}
