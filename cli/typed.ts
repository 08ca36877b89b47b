/** What commander reads otherwise than the user meant it, in what was typed. */
import type { Command } from "commander";
import { UserError } from "../config/errors.ts";
import { BAD_INPUT } from "./exit-code.ts";

/** Commander takes whatever follows an option as its value. @throws UserError where that is another option */
export function expectValues(command: Command): void {
  const known = longOptions(command);
  const problems = command.options.flatMap((option) =>
    [command.getOptionValue(option.attributeName())]
      .flat()
      .filter((value) => typeof value === "string" && known.includes(value))
      .map((value) => `${option.long}: found the option ${value}; expected a value`),
  );
  if (problems.length > 0) throw new UserError(problems, BAD_INPUT);
}

/**
 * Without a `--` before it, the first word that belongs to no option begins the command, and all behind it is
 * the command's.
 *
 * @param typed the whole command line
 * @throws UserError where that has taken an option of ours, or the `--`
 */
export function expectCommand(command: Command, typed: readonly string[]): void {
  const words = command.args;
  if (typed[typed.length - words.length - 1] === "--") return;
  const ours = ["--", ...longOptions(command)];
  const found = words.find((word) => ours.includes(word.replace(/=.*/, "")));
  if (found === undefined) return;
  throw new UserError(
    [
      `the command: found ${found} behind ${words[0]}, which begins it; expected the options, then -- and the command`,
    ],
    BAD_INPUT,
  );
}

function longOptions(command: Command): string[] {
  return command.options.flatMap(({ long }) => long ?? []);
}
