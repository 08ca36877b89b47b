/** Which word of a command is the script that goes along, and which the text that a shell runs. */
import { readFileSync } from "node:fs";
import { statHere } from "../config/stat-here.ts";
import { readHeader } from "./header.ts";

/** A word that names a script, whether or not there is one. */
const SCRIPT = /\.(py|sh)$/;
const PYTHON = /^(?:.*\/)?python[\d.]*$/;
const SHELL = /^(?:.*\/)?(?:ba|da|k|z)?sh$/;

/** Options of an interpreter that are followed by what they run, `python3 -m MODULE`, or by a value, `-W ignore`. */
interface Options {
  readonly runsText: RegExp;
  readonly takesValue: RegExp;
}
const OF_PYTHON: Options = { runsText: /^-\w*[cm]$/, takesValue: /^-[WX]$/ };
const OF_SHELL: Options = {
  runsText: /^-\w*c$/,
  takesValue: /^([-+]\w*[oO]|--(rcfile|init-file))$/,
};

/**
 * Place of the script in a command: its first word, or the second, after a program; of an interpreter the
 * first after its options, as in `python3 -u train.py`. -1 where there is none.
 */
export function scriptPlace(command: readonly string[]): number {
  const isScript = (word = "") => SCRIPT.test(word) || isFile(word);
  const [program = ""] = command;
  const options = optionsOf(program);
  if (!options && isScript(program)) return 0;
  const place = options ? afterOptions(command, 0, options) : 1;
  return isScript(command[place]) ? place : -1;
}

/**
 * Place of the text that a shell runs, as in `sh -c TEXT` and `env A=1 bash -ec TEXT`; -1 where there is none.
 *
 * @param script its place; what is behind it is the script's
 */
export function shellTextPlace(command: readonly string[], script: number): number {
  const shell = script < 0 ? command.findIndex((word) => SHELL.test(word)) : -1;
  if (shell < 0) return -1;
  let place = afterOptions(command, shell, OF_SHELL);
  if (!OF_SHELL.runsText.test(command[place] ?? "")) return -1;
  while (/^[-+]/.test(command[place] ?? "")) place += 1;
  return place;
}

/** What becomes of scripts here that a command names and that are not its own, one line each. */
export function leftBehind(
  command: readonly string[],
  script: number,
  sendsFiles: boolean,
): string[] {
  const others = command.filter(
    (word) => SCRIPT.test(word) && word !== command[script] && isFile(word),
  );
  return [...new Set(others)].flatMap((word) => {
    const what = [
      ...(sendsFiles ? [] : [`does not go along, but with --upload ${word}`]),
      ...(hasHeader(word) ? ["has a header that is not read"] : []),
    ];
    if (what.length === 0) return [];
    return [
      `${word} ${what.join(", and ")}: the command's script is its first word, or the one behind python3 or sh`,
    ];
  });
}

function hasHeader(file: string): boolean {
  try {
    return readHeader(readFileSync(file, "utf8")).directives.length > 0;
  } catch {
    return false;
  }
}

function isFile(word: string): boolean {
  return statHere(word)?.isFile() ?? false;
}

function optionsOf(program: string): Options | undefined {
  if (PYTHON.test(program)) return OF_PYTHON;
  return SHELL.test(program) ? OF_SHELL : undefined;
}

/** Place of the first word behind a program's options, or of the option that runs a text or a module. */
function afterOptions(
  command: readonly string[],
  program: number,
  { runsText, takesValue }: Options,
): number {
  let place = program + 1;
  for (
    let word = command[place];
    word && /^[-+]./.test(word) && !runsText.test(word);
    word = command[place]
  )
    place += takesValue.test(word) ? 2 : 1;
  return place;
}
