/** What is asked for: the command line, the script's header and the config, as one checked whole. */
import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { secretProblems } from "../secrets/read.ts";
import type { SecretSources } from "../secrets/spec.ts";
import { variableProblems } from "./command.ts";
import { contradictions } from "./contradictions.ts";
import { commandLineEntries, headerEntries, Inputs } from "./entries.ts";
import { type Claim, readEnvironment } from "./environment.ts";
import { type FilesInput, filesContradictions, readFilesInput } from "./files-input.ts";
import { readHeader } from "./header.ts";
import {
  cpu,
  leftOut,
  memory,
  readImage,
  readScript,
  readTasks,
  readWaiting,
  readWorkers,
  sidecarsOf,
} from "./options.ts";
import * as parse from "./parse.ts";
import { requirementProblems } from "./requirements.ts";
import { leftBehind, scriptPlace } from "./script-place.ts";
import { portsOf } from "./sidecars/group.ts";
import { trackerStore, withTracker } from "./sidecars/own-tracker.ts";
import { sidecarAddressProblems, sidecarProblems } from "./sidecars/problems.ts";
import type { Sidecar } from "./sidecars/sidecar.ts";
import type { Tasks } from "./tasks.ts";

/** Seconds: an image is pulled, and installs what it runs, meanwhile. */
const SIDECAR_TIMEOUT = 600;

/** A checked sweep that was not registered yet. */
export interface SweepInput extends Tasks {
  readonly name: string;
  /** As the user wrote it. */
  readonly command: readonly string[];
  /** Another variable than SWEEP_INPUT that has a task's value as well. */
  readonly inputVariable?: string;
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
  readonly files: FilesInput;
  /** Containers beside the tasks, once for all of them. */
  readonly sidecars: readonly Sidecar[];
  /** The MLflow that tasks log to, where their environment does not say of another. */
  readonly tracker: "service" | "sidecar" | URL;
  /** Seconds that a task waits until they answer. */
  readonly sidecarTimeout: number;
  readonly namespace?: string;
  /** What the user should know, one line each. */
  readonly notices: readonly string[];
}

/**
 * Reads what is asked for. Nothing is asked of Nomad.
 *
 * @param options of the command line, as commander has read them
 * @param hasVolume whether the config has a volume for files
 * @throws UserError with every problem, one line each
 */
export function readInput(
  command: readonly string[],
  options: Readonly<Record<string, unknown>>,
  defaults: HomelabConfig["sweep"],
  hasVolume = false,
): SweepInput {
  const place = scriptPlace(command);
  const script = place < 0 ? undefined : readScript(command[place] ?? "");
  const header = headerEntries(readHeader(script?.text ?? ""), command[place] ?? "");
  const inputs = new Inputs([...commandLineEntries(options), ...header.entries]);
  const tasks = readTasks(inputs);
  const spec = inputs.one("sidecar-spec", sidecarsOf(inputs, hasVolume)) ?? [];
  // Without the axes or the sidecars that could not be read, their variables would be unknown too.
  const knowsVariables = inputs.problems.length === 0;
  const variable = inputs.one("map-over-input-var", (text, { layer }) => ({
    ...{ name: parse.inputVariable(text), layer },
    option: "--map-over-input-var",
  }));
  const said = inputs.one("tracker", (text, { layer }) => ({ what: parse.tracker(text), layer }));
  const tracker = said?.what ?? "service";
  const claims: Claim[] = [
    ...(variable ? [variable] : []),
    ...(said ? [{ name: "MLFLOW_TRACKING_URI", layer: said.layer }] : []),
  ];
  const stem = script?.name.replace(/\.\w+$/, "") ?? basename(command[0] ?? "");
  const { driver, container, file } = readImage(inputs);
  const waiting = readWaiting(inputs);
  const { env, secrets } = readEnvironment(inputs, defaults.env, tasks.axes, claims);
  const name = inputs.one("name", parse.sweepName) ?? newName(stem);
  const store = hasVolume ? trackerStore(name) : undefined;
  const sidecars = tracker === "sidecar" ? withTracker(spec, store) : spec;
  const files = readFilesInput(inputs, waiting.wait);
  const input: SweepInput = {
    ...tasks,
    maxWorkers: readWorkers(inputs, tasks) ?? defaults.maxWorkers,
    name,
    command,
    inputVariable: variable?.name,
    scriptPlace: place,
    script,
    env,
    secrets,
    driver,
    container: container ?? (file ? undefined : defaults.container),
    requirements: file,
    cpu: inputs.one("cpu", cpu) ?? defaults.cpu,
    memory: inputs.one("memory", memory) ?? defaults.memory,
    gpus: inputs.one("gpu", parse.gpus) ?? 0,
    retries: inputs.one("retries", parse.whole(0, 100)) ?? 0,
    timeout: inputs.one("timeout", parse.duration),
    ...waiting,
    yes: inputs.one("yes", parse.flag) ?? false,
    constraints: [...defaults.constraints, ...inputs.all("constraint", parse.nodeConstraint)],
    files,
    tracker,
    sidecars,
    sidecarTimeout: inputs.one("sidecar-timeout", parse.duration) ?? SIDECAR_TIMEOUT,
    namespace: inputs.one("namespace", parse.namespace),
    notices: [
      ...header.notices,
      ...leftBehind(command, place, files.sync !== undefined || files.uploads.length > 0),
      ...(waiting.local ? leftOut(inputs) : []),
      ...(sidecars !== spec && store
        ? [`its MLflow keeps runs and artifacts in the file store ${store}`]
        : []),
    ],
  };
  const problems = [
    ...(script?.problems ?? []),
    ...header.problems,
    ...inputs.problems,
    ...(knowsVariables ? variableProblems(command, place, tasks.axes, portsOf(sidecars)) : []),
    ...secretProblems(secrets),
    ...(file ? requirementProblems(file.text, file.file) : []),
    ...contradictions(input),
    ...filesContradictions(input, hasVolume),
    ...sidecarProblems(input),
    ...(knowsVariables ? sidecarAddressProblems(input) : []),
  ];
  if (problems.length > 0) throw new UserError([...new Set(problems)], 2);
  return input;
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
