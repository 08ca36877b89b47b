import { basename } from "node:path";
import { statHere } from "../config/stat-here.ts";
import { quoteShell } from "../templates/quote-shell.ts";
import { nearest } from "./nearest.ts";
import { addressVariable, SCHEDULER_VARIABLE, shellText } from "./sidecars/addresses.ts";
import { OWN_VARIABLES } from "./tasks.ts";

/** A word that names a script, whether or not there is one. */
const SCRIPT = /\.(py|sh)$/;
const INTERPRETER = /^(?:.*\/)?(?:python[\d.]*|(?:ba|da|k|z)?sh)$/;
const SHELL = /sh$/;
/** Options of interpreters: `python3 -m MODULE`, `sh -ec COMMAND`; `python3 -W ignore`, `bash -euo pipefail`. */
const RUNS_TEXT = /^-\w*[cm]$/;
const TAKES_VALUE = /^-(?:\w*[oO]|W|X)$/;
const INTERPRETERS: Readonly<Record<string, string>> = { py: "python3", sh: "sh" };

/** A variable of the sweep's in a word of the command. */
const VARIABLE = variableOf("(?:SWEEP|COILED)_\\w+");

/** Variables that each task has. */
const VARIABLES = [
  ...OWN_VARIABLES.map(axisVariable),
  ...["COILED_BATCH_TASK_INPUT", "COILED_BATCH_TASK_ID", "COILED_BATCH_TASK_COUNT"],
];

/**
 * Place of the script in a command: its first word, or the second, after a program; of an interpreter the
 * first after its options, as in `python3 -u train.py`. -1 where there is none.
 */
export function scriptPlace(command: readonly string[]): number {
  const isScript = (word = "") => SCRIPT.test(word) || isFile(word);
  const [program = ""] = command;
  const isInterpreter = INTERPRETER.test(program);
  if (!isInterpreter && isScript(program)) return 0;
  const place = isInterpreter ? afterOptions(command) : 1;
  return isScript(command[place]) ? place : -1;
}

/** Scripts here that a command names and that are not its own, one line each: they are not sent along. */
export function leftBehind(command: readonly string[], script: number): string[] {
  return command
    .filter((word, place) => place !== script && SCRIPT.test(word) && isFile(word))
    .map(
      (word) =>
        `${word} does not go along, and no header of it is read: it is not the command's script, as in python3 ${word}; --upload ${word} sends it`,
    );
}

function isFile(word: string): boolean {
  return statHere(word)?.isFile() ?? false;
}

/** Place of the text that a shell runs, as in `sh -c TEXT`; -1 where there is none. */
function shellTextPlace(command: readonly string[]): number {
  const [program = ""] = command;
  if (!INTERPRETER.test(program) || !SHELL.test(program)) return -1;
  const place = afterOptions(command);
  return RUNS_TEXT.test(command[place] ?? "") ? place + 1 : -1;
}

/** Place of the first word behind a program's options, or of the option that runs a text or a module. */
function afterOptions(command: readonly string[]): number {
  let place = 1;
  while (/^-./.test(command[place] ?? "") && !RUNS_TEXT.test(command[place] ?? ""))
    place += TAKES_VALUE.test(command[place] ?? "") ? 2 : 1;
  return place;
}

/**
 * The command as a task runs it, in its working folder, as a line of a POSIX shell: the words as they
 * are, but for variables of the sweep and addresses of its sidecars, which become their values. In a text
 * for a shell it is that shell which reads the variables.
 *
 * @param ports of the sidecars
 * @param variable one more than those of the sweep
 */
export function shellCommand(
  command: readonly string[],
  script: number,
  ports: readonly number[] = [],
  variable?: string,
): string {
  const pattern = variable ? variableOf(`(?:SWEEP|COILED)_\\w+|${variable}(?!\\w)`) : VARIABLE;
  const text = shellTextPlace(command);
  const words = command.map((word, place) => {
    // The shell finds the variables in its environment; a value put into its text would be code there.
    if (place === text) return shellText(word, ports);
    if (place !== script) return shellWord(word, ports, pattern);
    const file = basename(word);
    const interpreter = place === 0 ? INTERPRETERS[SCRIPT.exec(file)?.[1] ?? ""] : undefined;
    return `${interpreter ? `${interpreter} ` : ""}${quoteShell(`./${file}`)}`;
  });
  return words.join(" ");
}

/**
 * What is wrong with the variables in a command.
 *
 * @param ports of the sidecars
 */
export function variableProblems(
  command: readonly string[],
  axes: readonly string[],
  ports: readonly number[] = [],
): string[] {
  const ofSidecars = ports.length > 0 ? [SCHEDULER_VARIABLE, ...ports.map(addressVariable)] : [];
  const known = [...VARIABLES, ...axes.map(axisVariable), ...ofSidecars];
  const used = command.flatMap((word) =>
    [...word.matchAll(VARIABLE)].map((each) => each[1] ?? each[2] ?? ""),
  );
  return [...new Set(used)]
    .filter((each) => !known.includes(each))
    .map((each) => {
      const meant = nearest(
        each.toLowerCase(),
        known.map((name) => name.toLowerCase()),
      );
      const todo = meant
        ? `did you mean $${meant.toUpperCase()}?`
        : `expected one of ${known.join(", ")}`;
      return `the command: $${each}: no variable of a sweep; ${todo}`;
    });
}

/** `$NAME` or `${NAME}` of names that a pattern has. */
function variableOf(names: string): RegExp {
  return new RegExp(`\\$(?:(${names})|\\{(${names})\\})`, "g");
}

/** The environment variable of a grid's axis. */
export function axisVariable(axis: string): string {
  return `SWEEP_${axis.toUpperCase()}`;
}

function shellWord(word: string, ports: readonly number[], pattern: RegExp): string {
  const parts: string[] = [];
  let end = 0;
  for (const match of word.matchAll(pattern)) {
    if (match.index > end) parts.push(shellText(word.slice(end, match.index), ports));
    parts.push(`"$${match[1] ?? match[2]}"`);
    end = match.index + match[0].length;
  }
  if (end < word.length || parts.length === 0) parts.push(shellText(word.slice(end), ports));
  return parts.join("");
}
