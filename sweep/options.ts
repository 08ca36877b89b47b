/** Reads each option of a sweep that takes more than a line to read. */
import { basename } from "node:path";
import { type Entry, type Inputs, isAsNear } from "./entries.ts";
import type { SweepInput } from "./input.ts";
import * as parse from "./parse.ts";
import type { Sidecar } from "./sidecars/sidecar.ts";
import { readSidecars } from "./sidecars/spec.ts";
import {
  array,
  grid,
  MOST_TASKS,
  mapOverLines,
  mapOverValues,
  ntasks,
  type Tasks,
} from "./tasks.ts";
import { Wrong } from "./wrong.ts";

const OF_NOMAD = [
  ...["container", "requirements", "driver", "cpu", "memory", "gpu", "constraint"],
  ...["retries", "outputs", "wait-timeout"],
];

export function readScript(file: string): { name: string; text: string; problems: string[] } {
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

export function readTasks(inputs: Inputs): Tasks {
  const entry = inputs.tasks();
  const delimiter = inputs
    .all("map-over-delimiter", (text, { layer }) => {
      // One that is farther away is of other values.
      if (entry && !isAsNear(layer, entry.layer)) return undefined;
      if (!entry?.key.startsWith("map-over-"))
        throw new Wrong("--map-over-values or --map-over-file with it");
      return parse.delimiter(layer === "command line" ? text : unquoted(text));
    })
    .find((each) => each !== undefined);
  if (!entry) return ntasks("1");
  const readers: Record<string, (text: string) => Tasks> = {
    "map-over-values": (text) => mapOverValues(text, delimiter),
    "map-over-file": (file) => mapOverFile(inputs, file, delimiter),
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

/** A header's value has no quotes around it, and some write them. */
function unquoted(text: string): string {
  return /^(["'])(.+)\1$/.exec(text)?.[2] ?? text;
}

function mapOverFile(inputs: Inputs, file: string, delimiter: string | undefined): Tasks {
  const { tasks, problems } = mapOverLines(parse.textFile(file), file, delimiter);
  inputs.problems.push(...problems);
  return tasks;
}

/** How many tasks run at a time: an array may say so as well, and max-workers counts over it in the same place. */
export function readWorkers(inputs: Inputs, { maxWorkers }: Tasks): number | undefined {
  const read = (text: string, { layer }: Entry) =>
    // To the tool of the COILED headers it is no limit.
    layer === "COILED" && text === "-1" ? MOST_TASKS : parse.whole(1, MOST_TASKS)(text);
  const said = inputs.one("max-workers", (text, entry) => ({
    workers: read(text, entry),
    layer: entry.layer,
  }));
  const ofTasks = inputs.tasks()?.layer;
  if (said && ofTasks && maxWorkers && !isAsNear(said.layer, ofTasks)) return maxWorkers;
  return said?.workers ?? maxWorkers;
}

/** What the tasks run in: an image of the user's, or ours with the requirements in it; what is nearer, of those. */
export function readImage(
  inputs: Inputs,
): Pick<SweepInput, "driver" | "container"> & { readonly file?: SweepInput["requirements"] } {
  const driver = inputs.one("driver", parse.driver) ?? "docker";
  const container = inputs.one("container", parse.container);
  const file = inputs.one("requirements", (text) => ({ file: text, text: parse.textFile(text) }));
  const isVoid =
    inputs.isNearer("container", "requirements") ||
    (driver === "raw_exec" && inputs.isNearer("driver", "requirements"));
  // What wants an image counts over a farther raw_exec, which has none.
  const isImage = ["container", "requirements"].some((key) => inputs.isNearer(key, "driver"));
  return {
    driver: isImage ? "docker" : driver,
    container: inputs.isNearer("requirements", "container") ? undefined : container,
    file: isVoid ? undefined : file,
  };
}

/** Whether and how somebody waits; what a farther place wants with it is void where a nearer one says not to. */
export function readWaiting(
  inputs: Inputs,
): Pick<SweepInput, "wait" | "local" | "waitTimeout" | "failFast"> {
  const wait = inputs.one("wait", parse.flag) ?? false;
  const local = inputs.one("local", parse.flag) ?? false;
  const waitTimeout = inputs.one("wait-timeout", parse.duration);
  const failFast = inputs.one("fail-fast", parse.flag) ?? false;
  const isVoid = (key: string) => !wait && inputs.isNearer("wait", key);
  return {
    wait,
    local,
    waitTimeout: isVoid("wait-timeout") ? undefined : waitTimeout,
    failFast: failFast && (local || !isVoid("fail-fast")),
  };
}

/** What --local has no use for, in a line. */
export function leftOut(inputs: Inputs): string[] {
  const said = inputs.which(OF_NOMAD);
  if (said.length === 0) return [];
  return [`--local leaves out ${said.join(", ")}: the tasks run here, and on no client of Nomad's`];
}

export function sidecarsOf(inputs: Inputs, hasVolume: boolean) {
  return (file: string): readonly Sidecar[] => {
    const { sidecars, problems } = readSidecars(parse.textFile(file), file, hasVolume);
    inputs.problems.push(...problems);
    return sidecars;
  };
}

/** Of the tool of the COILED headers it is a number of CPUs. */
export function cpu(text: string, { layer }: Entry): number {
  if (layer === "COILED") return 1000 * parse.whole(1, 1000)(least(text));
  return parse.whole(1, 1_000_000)(text);
}

export function memory(text: string, { layer }: Entry): number {
  if (layer !== "COILED") return parse.memory(text);
  // Of 16-32GiB the unit is that of both.
  const unit = /\d\s*([a-z]+)\s*$/i.exec(text)?.[1] ?? "";
  const size = least(text);
  return parse.memory(/^\d+$/.test(size) ? `${size}${unit}` : size);
}

/** `4-8`, as the tool of the COILED headers has it. */
function least(text: string): string {
  return text.split("-")[0]?.trim() || text;
}
