/** What a task runs: a POSIX shell script that finds the task's values and runs the command with them. */
import { quoteShell } from "../templates/quote-shell.ts";
import { axisVariable, shellCommand } from "./command.ts";
import type { SweepInput } from "./input.ts";
import type { SweepTask } from "./tasks.ts";

/**
 * Exit code of a task that was started again though it was not asked for: Nomad starts all that
 * failed. Its earlier result stands.
 */
export const NOT_ASKED_FOR = 113;

/** A file that goes up with the job. */
export interface TaskFile {
  /** Below the task's directory. */
  readonly path: string;
  readonly text: string;
}

/** Where the tasks' values are, below the task's directory. */
export const TASKS_FILE = "sweep/tasks";

/** The files of each task, the script's included. */
export function taskFiles(
  input: SweepInput,
  tracking: Readonly<Record<string, string>>,
): TaskFile[] {
  const { script, tasks } = input;
  return [
    { path: "sweep/run.sh", text: runner(input, tracking) },
    { path: TASKS_FILE, text: `${tasks.map(taskLine).join("\n")}\n` },
    ...(script ? [{ path: `sweep/files/${script.name}`, text: script.text }] : []),
  ];
}

/** The tasks of a TASKS_FILE, their ids and inputs. */
export function readTaskLines(text: string): Pick<SweepTask, "id" | "input">[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", input = ""] = line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? [];
      return { id: Number(id), input: unquoteShell(input) };
    });
}

/** Words of a POSIX shell: id, input, and the parameters of a grid. */
function taskLine({ id, input, parameters }: SweepTask): string {
  return [String(id), input, ...parameters].map(quoteShell).join(" ");
}

function unquoteShell(word: string): string {
  return word.replaceAll(/'([^']*)'|\\(')/g, (_, quoted, escaped) => quoted ?? escaped);
}

/** A script for any /bin/sh: the user's image need not have more. */
function runner(input: SweepInput, tracking: Readonly<Record<string, string>>): string {
  const { name, command, scriptPlace, axes, tasks, env, script, timeout } = input;
  const axisExports = axes.map((axis, at) => `export ${axisVariable(axis)}="\${${at + 3}}"`);
  const limit = timeout ? `timeout -k 10 ${timeout} ` : "";
  return `#!/bin/sh
# Runs one task of the sweep ${name}: that of the line NOMAD_ALLOC_INDEX + 1 of the file tasks.
set -eu
here="$NOMAD_TASK_DIR/sweep"
# Each line is words that are quoted for a shell: id, input, and a grid's parameters.
eval "set -- $(sed -n "$((NOMAD_ALLOC_INDEX + 1))p" "$here/tasks")"

# Nomad starts all that failed again; these are the ones that were asked for, where not all are.
asked=$(cat "$here/only" 2>/dev/null || true)
case ",$asked," in
,, | *",$1,"*) ;;
*)
  echo "task $1 was not asked for; its earlier result stands"
  exit ${NOT_ASKED_FOR}
  ;;
esac

export SWEEP_NAME=${quoteShell(name)} SWEEP_COUNT=${tasks.length} SWEEP_INDEX="$NOMAD_ALLOC_INDEX"
export SWEEP_TASK_ID="$1" SWEEP_INPUT="$2"
export COILED_BATCH_TASK_ID="$1" COILED_BATCH_TASK_INPUT="$2" COILED_BATCH_TASK_COUNT=${tasks.length}
${lines(axisExports)}
# MLflow's client makes these the tags of each run.
json() { printf '%s' "$1" | sed 's/[\\\\"]/\\\\&/g'; }
MLFLOW_RUN_CONTEXT="{${tags(axes)}}"
export MLFLOW_RUN_CONTEXT PYTHONUNBUFFERED=1
export HOME="\${HOME:-$NOMAD_TASK_DIR}"
${lines(exportsOf(tracking))}${lines(exportsOf(env))}
if [ -e "$NOMAD_SECRETS_DIR/sweep.sh" ]; then . "$NOMAD_SECRETS_DIR/sweep.sh"; fi

mkdir -p "$NOMAD_TASK_DIR/work"
cd "$NOMAD_TASK_DIR/work"
${script ? `cp "$here/files/"${quoteShell(script.name)} .\n` : ""}exec ${limit}${shellCommand(command, scriptPlace)}
`;
}

/** Lines of a shell that export variables. */
export function exportsOf(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).map(([name, value]) => `export ${name}=${quoteShell(value)}`);
}

function tags(axes: readonly string[]): string {
  const values: [string, string][] = [
    ["sweep", '$(json "$SWEEP_NAME")'],
    ["sweep.index", "$SWEEP_INDEX"],
    ["sweep.value", '$(json "$SWEEP_INPUT")'],
    ...axes.map((axis): [string, string] => [`sweep.${axis}`, `$(json "$${axisVariable(axis)}")`]),
  ];
  return values.map(([key, value]) => `\\"${key}\\": \\"${value}\\"`).join(", ");
}

function lines(texts: readonly string[]): string {
  return texts.map((each) => `${each}\n`).join("");
}
