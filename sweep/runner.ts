/** What a task runs: a POSIX shell script that finds the task's values and runs the command with them. */
import { randomUUID } from "node:crypto";
import { quoteShell } from "../templates/quote-shell.ts";
import { axisVariable, shellCommand } from "./command.ts";
import type { SweepVolume } from "./files-job.ts";
import { ROUNDS_META } from "./in-nomad.ts";
import type { SweepInput } from "./input.ts";
import { beforeTask, runAndKeep, type SweepFolder, takeInput, writtenScript } from "./outputs.ts";
import { shellText } from "./sidecars/addresses.ts";
import { portsOf } from "./sidecars/group.ts";
import { waitForSidecars } from "./sidecars/wait.ts";
import type { SweepTask } from "./tasks.ts";
import { SERVICE, trackerStores } from "./tracker.ts";

/**
 * Exit code of a task that was started again though it was not asked for: Nomad starts all that
 * failed. Its earlier result stands.
 */
export const NOT_ASKED_FOR = 113;

/** Below a task's secrets, lines of a shell that are there only when it starts; see lateText. */
export const LATE_FILE = "sweep/late.sh";

/** Reads the LATE_FILE, and ends a task that was not asked for. */
const LATE = `
. "$NOMAD_SECRETS_DIR/${LATE_FILE}"
# Nomad starts all that failed again; these are the ones that were asked for, where not all are.
case ",$asked," in
,, | *",$1,"*) ;;
*)
  echo "task $1 was not asked for; its earlier result stands"
  exit ${NOT_ASKED_FOR}
  ;;
esac
`;

/** What a script has for each task, one line: index, and the words of taskLine. */
const TASK_CASE = /^\d+\) set -- (.*) ;;$/s;

/** What the tasks' scripts are made of. */
export interface SweepWork {
  readonly input: SweepInput;
  /** The tracker's environment variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** That the tasks have, if any. */
  readonly volume?: SweepVolume;
  /** Text of the SWEEP_FILE: by what the sweep is known when Nomad has forgotten it. */
  readonly record: string;
  /** The tasks read a LATE_FILE. */
  readonly isLate: boolean;
}

/**
 * The work of a sweep in Nomad. Its tasks read what is there only when they start where there are secrets;
 * and beside sidecars, as a retry of some of them says so there.
 *
 * @param tracker as trackerOf has it
 */
export function sweepWork(
  input: SweepInput,
  variables: Readonly<Record<string, string>>,
  volume?: SweepVolume,
  tracker = SERVICE,
): SweepWork {
  const isLate = Object.keys(input.secrets).length > 0 || input.sidecars.length > 0;
  return { input, variables, volume, record: sweepText(input, tracker), isLate };
}

/** The work of a sweep without Nomad, whose tasks have the secrets in their environment. */
export function localWork(
  input: SweepInput,
  variables: Readonly<Record<string, string>>,
): SweepWork {
  return { ...sweepWork(input, variables), isLate: false };
}

/**
 * Text of a LATE_FILE.
 *
 * @param asked numbers of the tasks that are to run, with commas; all of them where it is empty
 * @param secrets lines that export them
 */
export function lateText(asked: string, secrets: string): string {
  return `asked='${asked}'\nsecrets() {\n:\n${secrets}\n}\n`;
}

/** The values of the tasks, a line each: words of a POSIX shell, id, input, and a grid's parameters. */
export function valuesText({ tasks }: SweepInput): string {
  return `${tasks.map(taskLine).join("\n")}\n`;
}

/** The tasks of a script, their ids and inputs. */
export function tasksOfScript(script: string): Pick<SweepTask, "id" | "input">[] {
  const [choice = ""] = script.split("\nesac\n", 1);
  const words = choice.split("\n").flatMap((line) => TASK_CASE.exec(line)?.[1] ?? []);
  return readTaskLines(words.join("\n"));
}

/** The tasks of a valuesText, their ids and inputs. */
export function readTaskLines(text: string): Pick<SweepTask, "id" | "input">[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", input = ""] = line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? [];
      return { id: Number(id), input: unquoteShell(input) };
    });
}

/** What is known of a sweep when Nomad has forgotten it; no other sweep has the same. */
function sweepText(input: SweepInput, tracker: string): string {
  const { name, failFast, namespace, sidecars } = input;
  const command = input.command.join(" ").slice(0, 200);
  const logged = { tracker, trackerStores: trackerStores(tracker, sidecars) };
  const submittedAt = new Date().toISOString();
  const known = { name, command, failFast, namespace, ...logged, submittedAt };
  return `${JSON.stringify({ ...known, id: randomUUID() })}\n`;
}

function taskLine({ id, input, parameters }: SweepTask): string {
  return [String(id), input, ...parameters].map(quoteShell).join(" ");
}

function unquoteShell(word: string): string {
  return word.replaceAll(/'([^']*)'|\\(')/g, (_, quoted, escaped) => quoted ?? escaped);
}

/** The script of all tasks, for any /bin/sh: the user's image need not have more. */
export function taskScript({ input, variables, volume, record, isLate }: SweepWork): string {
  const { name, command, scriptPlace, axes, tasks, env, script, timeout, inputVariable } = input;
  const axisExports = axes.map((axis, at) => `export ${axisVariable(axis)}="\${${at + 3}}"`);
  const ports = portsOf(input.sidecars);
  const limit = timeout ? `timeout -k 10 ${timeout} ` : "";
  const line = `${limit}${shellCommand(command, scriptPlace, ports, inputVariable)}`;
  const { filestores } = input.files;
  const folder = volume && { volume, name, filestores, script, ports, axes, record };
  return `#!/bin/sh
# Runs one task of the sweep ${name}: its id, input, and a grid's parameters. All that is done here without
# starting a process is, as there are many tasks.
set -eu
index=$NOMAD_ALLOC_INDEX
# Of a later version of the job, the allocations are for the tasks at these indexes, in this order: 0,3-7.
round=\${NOMAD_META_${ROUNDS_META}:-}
if [ -n "$round" ]; then
  IFS=,
  for each in \${round##*:}; do
    size=$((\${each#*-} - \${each%-*} + 1))
    if [ "$index" -lt "$size" ]; then
      index=$((\${each%-*} + index))
      break
    fi
    index=$((index - size))
  done
  unset IFS
fi
case $index in
${lines(tasks.map((task, index) => `${index}) set -- ${taskLine(task)} ;;`))}esac
${isLate ? LATE : ""}${folder ? beforeTask(folder) : ""}
export SWEEP_NAME=${quoteShell(name)} SWEEP_COUNT=${tasks.length} SWEEP_INDEX="$index"
export SWEEP_TASK_ID="$1" SWEEP_INPUT="$2"
export COILED_BATCH_TASK_ID="$1" COILED_BATCH_TASK_INPUT="$2" COILED_BATCH_TASK_COUNT=${tasks.length}
${lines(axisExports)}
# Makes of a text what it is within quotes in JSON: _json.
json() {
  case $1 in
  *[\\\\\\"]*) _json=$(printf '%s' "$1" | sed 's/[\\\\"]/\\\\&/g') ;;
  *) _json=$1 ;;
  esac
}
# MLflow's client makes these the tags of each run.
json "$SWEEP_INPUT"
MLFLOW_RUN_CONTEXT="{\\"sweep\\": \\"$SWEEP_NAME\\", \\"sweep.index\\": \\"$SWEEP_INDEX\\", \\"sweep.value\\": \\"$_json\\""
${lines(axes.map(tagOfAxis))}MLFLOW_RUN_CONTEXT="$MLFLOW_RUN_CONTEXT}"
export MLFLOW_RUN_CONTEXT PYTHONUNBUFFERED=1
export HOME="\${HOME:-$NOMAD_TASK_DIR}"
${waitForSidecars(ports, input.sidecarTimeout)}${lines(exportsOf(variables, ports))}${lines(exportsOf(env, ports))}${inputVariable ? `export ${inputVariable}="$2"\n` : ""}${isLate ? "secrets\n" : ""}
mkdir -p "$NOMAD_TASK_DIR/work"
cd "$NOMAD_TASK_DIR/work"
${workOf(folder, script, line, ports)}`;
}

function workOf(
  folder: SweepFolder | undefined,
  script: SweepInput["script"],
  line: string,
  ports: readonly number[],
): string {
  if (folder?.volume.keeps) return takeInput(folder) + runAndKeep(folder, line);
  return `${script ? writtenScript(script, ".", ports) : ""}exec ${line}\n`;
}

/**
 * Lines of a shell that export variables.
 *
 * @param ports of the sidecars, whose addresses are put in
 */
export function exportsOf(
  variables: Readonly<Record<string, string>>,
  ports: readonly number[] = [],
): string[] {
  return Object.entries(variables).map(
    ([name, value]) => `export ${name}=${shellText(value, ports)}`,
  );
}

function tagOfAxis(axis: string): string {
  return `json "$${axisVariable(axis)}"; MLFLOW_RUN_CONTEXT="$MLFLOW_RUN_CONTEXT, \\"sweep.${axis}\\": \\"$_json\\""`;
}

function lines(texts: readonly string[]): string {
  return texts.map((each) => `${each}\n`).join("");
}
