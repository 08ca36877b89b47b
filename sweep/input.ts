/** What is asked for: the command line, the script's header and the config, as one checked whole. */
import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import type { SecretSources } from "../secrets/spec.ts";
import { scriptPlace, variableProblems } from "./command.ts";
import { commandLineEntries, type Entry, headerEntries, Inputs } from "./entries.ts";
import { readEnvFile } from "./env-file.ts";
import { readHeader } from "./header.ts";
import * as parse from "./parse.ts";
import { requirementProblems } from "./requirements.ts";
import { array, grid, mapOverLines, mapOverValues, ntasks, type Tasks } from "./tasks.ts";
import { Wrong } from "./wrong.ts";

/** A checked sweep that was not registered yet. */
export interface SweepInput extends Tasks {
  readonly name: string;
  /** As the user wrote it. */
  readonly command: readonly string[];
  /** Place of the script in the command; -1 where there is none. */
  readonly scriptPlace: number;
  readonly script?: { readonly name: string; readonly text: string };
  /** Environment variables of the user's. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment variables that are secrets, each with where it is. */
  readonly secrets: SecretSources;
  readonly driver: "docker" | "raw_exec";
  /** Image of the tasks; one of ours where there is none. */
  readonly container?: string;
  /** What pip installs into our image. */
  readonly requirements?: { readonly file: string; readonly text: string };
  /** MHz. */
  readonly cpu: number;
  /** MiB. */
  readonly memory: number;
  readonly gpus: number;
  /** How often a task that failed is started again, on the same client. */
  readonly retries: number;
  /** Seconds that a task may take. */
  readonly timeout?: number;
  /** Seconds that are waited for the sweep. */
  readonly waitTimeout?: number;
  readonly failFast: boolean;
  readonly wait: boolean;
  readonly local: boolean;
  readonly yes: boolean;
  readonly constraints: readonly parse.NodeConstraint[];
  readonly namespace?: string;
  /** What the user should know, one line each. */
  readonly notices: readonly string[];
}

/**
 * Reads what is asked for. Nothing is asked of Nomad.
 *
 * @param options of the command line, as commander has read them
 * @throws UserError with every problem, one line each
 */
export function readInput(
  command: readonly string[],
  options: Readonly<Record<string, unknown>>,
  defaults: HomelabConfig["sweep"],
): SweepInput {
  const place = scriptPlace(command);
  const script = place < 0 ? undefined : readScript(command[place] ?? "");
  const header = headerEntries(readHeader(script?.text ?? ""), command[place] ?? "");
  const inputs = new Inputs([...commandLineEntries(options), ...header.entries]);
  const tasks = readTasks(inputs);
  const env = { ...defaults.env, ...readEnv(inputs) };
  const secrets = readSecretSources(inputs);
  const stem = script?.name.replace(/\.\w+$/, "") ?? basename(command[0] ?? "");
  const file = inputs.one("requirements", (text) => ({ file: text, text: parse.textFile(text) }));
  const workers = inputs.one("max-workers", parse.whole(1, 10_000));
  const input: SweepInput = {
    ...tasks,
    maxWorkers: workers ?? tasks.maxWorkers ?? defaults.maxWorkers,
    name: inputs.one("name", parse.sweepName) ?? newName(stem),
    command,
    scriptPlace: place,
    script,
    env,
    secrets,
    driver: inputs.one("driver", parse.driver) ?? "docker",
    container: inputs.one("container", parse.container) ?? (file ? undefined : defaults.container),
    requirements: file,
    cpu: inputs.one("cpu", cpu) ?? defaults.cpu,
    memory: inputs.one("memory", parse.memory) ?? defaults.memory,
    gpus: inputs.one("gpu", parse.gpus) ?? 0,
    retries: inputs.one("retries", parse.whole(0, 100)) ?? 0,
    timeout: inputs.one("timeout", parse.duration),
    waitTimeout: inputs.one("wait-timeout", parse.duration),
    failFast: inputs.one("fail-fast", parse.flag) ?? false,
    wait: inputs.one("wait", parse.flag) ?? false,
    local: inputs.one("local", parse.flag) ?? false,
    yes: inputs.one("yes", parse.flag) ?? false,
    constraints: [...defaults.constraints, ...inputs.all("constraint", parse.nodeConstraint)],
    namespace: inputs.one("namespace", parse.namespace),
    notices: header.notices,
  };
  const problems = [
    ...(script?.problems ?? []),
    ...header.problems,
    ...inputs.problems,
    // Without the axes that could not be read, their variables would be unknown too.
    ...(inputs.problems.length > 0 ? [] : variableProblems(command, tasks.axes)),
    ...(file ? requirementProblems(file.text, file.file) : []),
    ...contradictions(input),
  ];
  if (problems.length > 0) throw new UserError([...new Set(problems)], 2);
  return input;
}

function readScript(file: string): { name: string; text: string; problems: string[] } {
  const name = basename(file);
  const wrong = (problem: string) => ({ name, text: "", problems: [`${file}: ${problem}`] });
  // Nomad would read the first two as a variable of its own.
  if (/[$%]\{|\p{Cc}/u.test(name)) return wrong("expected a name without ${ and %{");
  try {
    const text = parse.textFile(file);
    return text.trim() === "" ? wrong("the script is empty") : { name, text, problems: [] };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return wrong(`expected ${error.message}`);
  }
}

function readTasks(inputs: Inputs): Tasks {
  const entry = inputs.tasks();
  if (!entry) return ntasks("1");
  const readers: Record<string, (text: string) => Tasks> = {
    "map-over-values": mapOverValues,
    "map-over-file": (file) => mapOverLines(parse.textFile(file)),
    grid: (text) => grid(text.split(/\s+/)),
    ntasks,
    array,
  };
  const reader = readers[entry.key] ?? ntasks;
  let found: Tasks | undefined;
  inputs.all(entry.key, (text, each) => {
    const tasks = reader(text);
    if (each === entry) found = tasks;
  });
  return found ?? ntasks("1");
}

/** What counts most is said first, and so comes last here. */
function readEnv(inputs: Inputs): Record<string, string> {
  const files = inputs.all("env-file", (file) => {
    const { variables, problems } = readEnvFile(parse.textFile(file), file);
    inputs.problems.push(...problems);
    return variables;
  });
  const said = inputs.all("env", parse.variable).reverse();
  return { ...Object.assign({}, ...files.reverse()), ...Object.fromEntries(said) };
}

function readSecretSources(inputs: Inputs): SecretSources {
  const said = inputs.all("secret-env", parse.secretVariable).reverse();
  return Object.fromEntries(
    said.map(([name, source]) => [name, { key: `--secret-env ${name}`, source }]),
  );
}

/** Of the tool of the COILED headers it is a number of CPUs. */
function cpu(text: string, { layer }: Entry): number {
  if (layer === "COILED") return 1000 * parse.whole(1, 1000)(text);
  return parse.whole(1, 1_000_000)(text);
}

function contradictions(input: SweepInput): string[] {
  const { driver, container, requirements, failFast, wait, local, waitTimeout } = input;
  const both = Object.keys(input.env).filter((name) => Object.hasOwn(input.secrets, name));
  return [
    ...both.map((name) => `--secret-env ${name}: found in --env as well; expected it once`),
    ...(container && requirements
      ? [
          "--requirements: not together with --container, as they are installed into an image of ours",
        ]
      : []),
    ...(driver === "raw_exec" && requirements
      ? ["--requirements: not together with --driver raw_exec, which runs in no image"]
      : []),
    ...(failFast && !wait && !local
      ? ["--fail-fast: expected --wait with it: who waits stops the sweep"]
      : []),
    ...(waitTimeout && !wait ? ["--wait-timeout: expected --wait with it"] : []),
  ];
}

/** A name that no other sweep has. */
function newName(stem: string): string {
  const plain = stem
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 40);
  return `${plain.replace(/-+$/, "") || "sweep"}-${randomBytes(3).toString("hex")}`;
}
