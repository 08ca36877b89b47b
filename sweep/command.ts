import { basename, extname } from "node:path";
import { quoteShell } from "../templates/quote-shell.ts";
import { nearest } from "./nearest.ts";
import { shellTextPlace } from "./script-place.ts";
import { addressVariable, SCHEDULER_VARIABLE, shellText } from "./sidecars/addresses.ts";
import { OWN_VARIABLES } from "./tasks.ts";

const INTERPRETERS: Readonly<Record<string, string>> = { ".py": "python3", ".sh": "sh" };

/** A variable of the sweep's in a word of the command. */
const VARIABLE = variableOf("(?:SWEEP|COILED)_\\w+");

/** Variables that each task has. */
const VARIABLES = [
  ...OWN_VARIABLES.map(axisVariable),
  ...["COILED_BATCH_TASK_INPUT", "COILED_BATCH_TASK_ID", "COILED_BATCH_TASK_COUNT"],
];

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
  const text = shellTextPlace(command, script);
  const words = command.map((word, place) => {
    // The shell finds the variables in its environment; a value put into its text would be code there.
    if (place === text) return shellText(word, ports);
    if (place !== script) return shellWord(word, ports, pattern);
    const file = basename(word);
    const interpreter = place === 0 ? INTERPRETERS[extname(file)] : undefined;
    return `${interpreter ? `${interpreter} ` : ""}${quoteShell(`./${file}`)}`;
  });
  return words.join(" ");
}

/**
 * What is wrong with the variables in a command, but for those in a text for a shell, which may be its own.
 *
 * @param ports of the sidecars
 */
export function variableProblems(
  command: readonly string[],
  script: number,
  axes: readonly string[],
  ports: readonly number[] = [],
): string[] {
  const ofSidecars = ports.length > 0 ? [SCHEDULER_VARIABLE, ...ports.map(addressVariable)] : [];
  const known = [...VARIABLES, ...axes.map(axisVariable), ...ofSidecars];
  const text = shellTextPlace(command, script);
  const used = command
    .filter((_, place) => place !== text)
    .flatMap((word) => [...word.matchAll(VARIABLE)].map((each) => each[1] ?? each[2] ?? ""));
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
