import { show } from "../config/show.ts";
import { Wrong } from "./wrong.ts";

/** More of them are refused: Nomad's server keeps each in its memory. */
export const MOST_TASKS = 10_000;

/** One task of a sweep. */
export interface SweepTask {
  /** What the user knows it by: its place in the list, or its number in the array. */
  readonly id: number;
  /** What the script gets as SWEEP_INPUT. */
  readonly input: string;
  /** Of a grid, in the order of its axes; empty where there is none. */
  readonly parameters: readonly string[];
}

export interface Tasks {
  readonly tasks: readonly SweepTask[];
  /** Names of a grid's axes, as they are written. */
  readonly axes: readonly string[];
  /** Of an array: how many run at a time. */
  readonly maxWorkers?: number;
}

const WITHOUT_CONTROL = "without tabs and other control characters";

/** What each task knows of itself: SWEEP_NAME and so on. */
export const OWN_VARIABLES = ["name", "index", "count", "input", "task_id"];

/** What a sweep sets itself: those, the client's name where files are kept, and the tags. */
const RESERVED = [...OWN_VARIABLES, "node", "value"];
/** SWEEP_SIDECAR_5000 and so on. */
const OF_SIDECARS = /^sidecar_\d+$/;

/** `0.1, 0.05`: one task for each. @throws Wrong */
export function mapOverValues(text: string, delimiter = ","): Tasks {
  const values = text.split(delimiter).map((each) => each.trim());
  const between = delimiter === "," ? "commas" : JSON.stringify(delimiter);
  if (values.length === 1 && values[0] === "")
    throw new Wrong(`values with ${between} between them`);
  if (values.includes("")) throw new Wrong(`no empty value between two ${between}, or at an end`);
  if (values.some(hasControl)) throw new Wrong(`values ${WITHOUT_CONTROL}`);
  return ofInputs(values);
}

/**
 * One task for each line that is not blank, and what is wrong with any.
 *
 * @param file as the user named it, for messages
 * @throws Wrong
 */
export function mapOverLines(
  text: string,
  file: string,
  delimiter = "\n",
): { tasks: Tasks; problems: string[] } {
  const values: string[] = [];
  const problems: string[] = [];
  let line = 1;
  for (const part of text.split(delimiter)) {
    const value = part.trim();
    const at = line + breaks(part.slice(0, part.indexOf(value)));
    if (value !== "") values.push(value);
    if (hasControl(value))
      problems.push(`${file}:${at}: found ${show(value)}; expected a value ${WITHOUT_CONTROL}`);
    line += breaks(part + delimiter);
  }
  if (values.length === 0) throw new Wrong("a file with a value on each line");
  return { tasks: ofInputs(values), problems };
}

function breaks(text: string): number {
  return text.split("\n").length - 1;
}

/** A line of the file that the tasks read holds one value; and a tag of MLflow is a text. */
function hasControl(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

/** `3`: as many tasks, numbered from 0. @throws Wrong */
export function ntasks(text: string): Tasks {
  const count = wholeNumber(text);
  if (count === undefined || count < 1 || count > MOST_TASKS)
    throw new Wrong(`a whole number from 1 to ${MOST_TASKS}`);
  return ofIds(Array.from({ length: count }, (_, index) => index));
}

/** `0-9:3%2`, as Slurm writes it: from 0 to 9 in steps of 3, 2 at a time. @throws Wrong */
export function array(text: string): Tasks {
  const allowed = "numbers and ranges such as 0-9, 1,3,5-7 or 0-9:3%2 (steps of 3, 2 at a time)";
  const [, list = "", workers] =
    /^([^%]+)(?:%(\d+))?$/.exec(text.replaceAll(/\s*([-,:%])\s*/g, "$1").trim()) ?? [];
  const maxWorkers = workers === undefined ? undefined : Number(workers);
  if (list === "" || maxWorkers === 0) throw new Wrong(allowed);
  const ids = list.split(",").flatMap((part) => range(part) ?? thrown(allowed));
  if (ids.length > MOST_TASKS) throw new Wrong(`at most ${MOST_TASKS} tasks`);
  const seen = new Set<number>();
  const twice = ids.find((id) => seen.size === seen.add(id).size);
  if (twice !== undefined) throw new Wrong(`each number once, and ${twice} is there twice`);
  return { ...ofIds(ids), ...(maxWorkers ? { maxWorkers } : {}) };
}

/** `lr=0.1,0.01`, `bs=32,64`: one task for each combination, the last axis changing first. @throws Wrong */
export function grid(axes: readonly string[]): Tasks {
  const parsed = axes.map((axis) => {
    const [, name, values] = /^([A-Za-z_]\w*)=(.*)$/.exec(axis) ?? [];
    if (!name || values === undefined)
      throw new Wrong("axes such as lr=0.1,0.01, each named by letters, digits and _");
    if (RESERVED.includes(name.toLowerCase()) || OF_SIDECARS.test(name.toLowerCase()))
      throw new Wrong(
        `axes of other names than ${RESERVED.join(", ")} and sidecar_5000, which a sweep sets itself`,
      );
    return { name, values: mapOverValues(values).tasks.map(({ input }) => input) };
  });
  if (parsed.length === 0) throw new Wrong("axes such as lr=0.1,0.01");
  const upper = parsed.map(({ name }) => name.toUpperCase());
  const twice = upper.find((name, index) => upper.indexOf(name) !== index);
  if (twice) throw new Wrong(`each axis once, and ${twice.toLowerCase()} is there twice`);
  const size = parsed.reduce((product, { values }) => product * values.length, 1);
  if (size > MOST_TASKS) throw new Wrong(`at most ${MOST_TASKS} combinations, not ${size}`);
  const combinations = parsed.reduce<string[][]>(
    (before, { values }) => before.flatMap((each) => values.map((value) => [...each, value])),
    [[]],
  );
  const names = parsed.map(({ name }) => name);
  const tasks = combinations.map((parameters, id) => {
    const input = parameters.map((value, at) => `${names[at]}=${value}`).join(" ");
    return { id, input, parameters };
  });
  return { tasks, axes: names };
}

/** `2,5-7` of a command line: the numbers of tasks, each once. @throws Wrong */
export function taskNumbers(text: string): number[] {
  const allowed = "numbers of tasks, such as 2,5-7";
  return [...new Set(text.split(",").flatMap((part) => range(part.trim()) ?? thrown(allowed)))];
}

function ofInputs(values: readonly string[]): Tasks {
  if (values.length > MOST_TASKS)
    throw new Wrong(`at most ${MOST_TASKS} values, not ${values.length}`);
  return { tasks: values.map((input, id) => ({ id, input, parameters: [] })), axes: [] };
}

function ofIds(ids: readonly number[]): Tasks {
  return { tasks: ids.map((id) => ({ id, input: String(id), parameters: [] })), axes: [] };
}

function range(part: string): number[] | undefined {
  const [, first, last, step = "1"] = /^(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?$/.exec(part) ?? [];
  if (first === undefined) return undefined;
  const [from, to, by] = [Number(first), Number(last ?? first), Number(step)];
  if (to < from || by === 0) return undefined;
  const length = Math.floor((to - from) / by) + 1;
  if (length > MOST_TASKS) throw new Wrong(`at most ${MOST_TASKS} tasks, not ${length}`);
  return Array.from({ length }, (_, index) => from + index * by);
}

/** A whole number as it is written by hand, undefined where it is none. */
export function wholeNumber(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

function thrown(allowed: string): never {
  throw new Wrong(allowed);
}
