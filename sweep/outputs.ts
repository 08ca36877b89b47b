/**
 * The part of a task's script that is about files: stores, what it gets, and what it leaves. For any
 * image with a POSIX shell, cp, find and tee.
 */
import { quoteShell } from "../templates/quote-shell.ts";
import { FILESTORES } from "./files-input.ts";
import type { SweepVolume } from "./files-job.ts";
import { shellText } from "./sidecars/addresses.ts";

/** Exit code of a task that was done, and whose files could not be kept. */
export const NOT_KEPT = 114;

/** Files of a sweep's folder on the volume, and of a task's. */
export const SWEEP_FILE = "sweep.json";
export const VALUES_FILE = "values";
export const MANIFEST_FILE = "manifest.json";
export const TASK_FILE = "task.json";
export const LOG_FILE = "output.log";
/** Folders of it: what the tasks got, and what each left. */
export const INPUT = "input";
export const TASKS = "tasks";
export const OUTPUT = "files";

/** The line of a TASK_FILE that says that the task is done. */
const DONE = '  "exitCode": 0,';

interface Script {
  readonly name: string;
  readonly text: string;
}

export interface SweepFolder {
  readonly volume: SweepVolume;
  /** Name of the sweep. */
  readonly name: string;
  /** Stores that the tasks have. */
  readonly filestores: readonly string[];
  readonly script?: Script;
  /** Of the sweep's sidecars, whose addresses are put into the script. */
  readonly ports: readonly number[];
  /** Names of a grid's axes. */
  readonly axes: readonly string[];
  /** Text of the SWEEP_FILE. */
  readonly record: string;
}

/** Ends the task that has no volume, or is done already; to be run before anything else. */
export function beforeTask({ volume, name, filestores, record }: SweepFolder): string {
  const fails = `echo "the volume ${volume.name} can't be written to; is it full? npx homelab files rm frees space" >&2; exit 1`;
  return `
_volume=${FILESTORES}
_found=
if [ -r "$_volume/.homelab-volume" ]; then IFS= read -r _found <"$_volume/.homelab-volume" || true; fi
if [ "$_found" != ${quoteShell(volume.name)} ]; then
  echo "volume ${volume.name}: $_volume/.homelab-volume names '$_found', so it is not mounted; make prepare mounts it" >&2
  exit 1
fi
# Of another user HOME may be.
if [ ! -w "\${HOME:-/}" ]; then HOME="$NOMAD_TASK_DIR"; export HOME; fi
${filestores.map((store) => `mkdir -p "$_volume/"${quoteShell(store)} || { ${fails}; }\n`).join("")}${volume.keeps ? beforeKept(name, quoteShell(record.trimEnd()), fails) : ""}`;
}

/** @param record a word of a shell */
function beforeKept(name: string, record: string, fails: string): string {
  return `_kept="$_volume/sweeps/"${quoteShell(name)} _task="$1" _value="$2"
_mine="$_kept/${TASKS}/$_task"
mkdir -p "$_kept/${TASKS}" || { ${fails}; }
if [ ! -e "$_kept/${SWEEP_FILE}" ]; then
  _new="$_kept/.uploading-sweep-$NOMAD_ALLOC_ID"
  printf '%s\\n' "$_script" | sed -n '/^esac$/q;s/^[0-9]*) set -- \\(.*\\) ;;$/\\1/p' >"$_new-values" || { ${fails}; }
  printf '%s\\n' ${record} >"$_new" || { ${fails}; }
  # Of several tasks one is the first: there is one of a name, and it is complete.
  ln "$_new-values" "$_kept/${VALUES_FILE}" 2>/dev/null || true
  ln "$_new" "$_kept/${SWEEP_FILE}" 2>/dev/null || true
  rm -f "$_new" "$_new-values"
fi
if [ "$(cat "$_kept/${SWEEP_FILE}")" != ${record} ]; then
  echo "sweeps/${name} on the volume is of an earlier sweep; use another --name, or npx homelab files rm ${name}" >&2
  exit 1
fi
# Nomad may run a task twice: its work is done once.
is_done() { [ "$(sed -n 2p "$_mine/${TASK_FILE}" 2>/dev/null)" = '${DONE}' ]; }
if is_done; then
  echo "task $_task is done already; what it left is in sweeps/${name}/${TASKS}/$_task"
  exit 0
fi
`;
}

/** Brings what was uploaded into the working folder, which is the current one. */
export function takeInput({ script, ports }: SweepFolder): string {
  return `_aside="$NOMAD_TASK_DIR/aside"
rm -rf "$_aside"
mkdir -p "$_aside"
: >"$_aside/began"
# What is changed at once is newer, also where find or the disk knows whole seconds only (BusyBox does).
touch -d "@$(($(date +%s) - 2))" "$_aside/began" 2>/dev/null || true
if [ -d "$_kept/${INPUT}" ]; then cp -pRP "$_kept/${INPUT}/." .; fi
${script ? `${writtenScript(script, '"$_aside"', ports)}cp "$_aside/"${quoteShell(script.name)} .\n` : ""}`;
}

/**
 * Lines of a shell that write the script.
 *
 * @param folder a word of a shell
 * @param ports of the sidecars, whose addresses are put in
 */
export function writtenScript(
  { name, text }: Script,
  folder: string,
  ports: readonly number[],
): string {
  const file = `${folder}/${quoteShell(name)}`;
  return `printf '%s' ${shellText(text, ports)} >${file}
chmod 755 ${file}
`;
}

/**
 * Runs the command, and keeps what it leaves whatever its end is. A command in the background ignores
 * the interrupt that Nomad sends, unless \`env\` can say otherwise; then it is asked to terminate.
 *
 * @param command a line of a shell
 */
export function runAndKeep(folder: SweepFolder, command: string): string {
  const { name, volume, script, axes } = folder;
  const parameters = axes.map(
    (axis, at) =>
      `json "\${${at + 3}}"; _parameters="$_parameters${at > 0 ? ", " : ""}\\"${axis}\\": \\"$_json\\""`,
  );
  return `
_signal=TERM _reset=
if env --default-signal=INT true 2>/dev/null; then _signal=INT _reset='env --default-signal=INT'; fi
mkfifo "$_aside/stdout" "$_aside/stderr"
: >"$_aside/${LOG_FILE}"
tee -a "$_aside/${LOG_FILE}" <"$_aside/stdout" &
_tees=$!
tee -a "$_aside/${LOG_FILE}" <"$_aside/stderr" >&2 &
_tees="$_tees $!"
_began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
$_reset ${command} >"$_aside/stdout" 2>"$_aside/stderr" &
_command=$!
trap 'kill -s $_signal $_command 2>/dev/null || true' INT TERM
_code=0
wait $_command || _code=$?
# A signal ends the wait before the command.
while kill -0 $_command 2>/dev/null; do _code=0; wait $_command || _code=$?; done
trap '' INT TERM
_ended=$(date -u +%Y-%m-%dT%H:%M:%SZ)
# What it has left running may hold its output open.
(sleep 2; kill $_tees) >/dev/null 2>&1 &
_late=$!
wait $_tees || true
kill $_late 2>/dev/null || true

# Leaves in the working folder what was not in it before, or is another now.
only_new() {
  find . ! -type f ! -type d ! -type l -exec rm -f {} + &&
  find . -type f ! -newer "$_aside/began" -exec sh -c '
    in=$1; shift
    for each do shift; if [ -f "$in/$each" ]; then set -- "$@" "$each"; fi; done
    [ $# -eq 0 ] || rm -f -- "$@"' sh "$_kept/${INPUT}" {} + &&
  find . -type f -newer "$_aside/began" -exec sh -c '
    in=$1; shift
    for each do shift; if [ -f "$in/$each" ] && cmp -s "$each" "$in/$each"; then set -- "$@" "$each"; fi; done
    [ $# -eq 0 ] || rm -f -- "$@"' sh "$_kept/${INPUT}" {} + &&
  find . -type l -exec sh -c '
    in=$1; shift
    for each do shift; if [ -L "$in/$each" ] && [ "$(readlink "$each")" = "$(readlink "$in/$each")" ]; then set -- "$@" "$each"; fi; done
    [ $# -eq 0 ] || rm -f -- "$@"' sh "$_kept/${INPUT}" {} + &&
  ${script ? `{ ! cmp -s ./${quoteShell(script.name)} "$_aside/"${quoteShell(script.name)} || rm -f ./${quoteShell(script.name)}; } &&` : ""}
  { find . -depth -type d ! -name . -exec rmdir {} + 2>/dev/null || true; }
}

keep() {
  _beside="$_kept/${TASKS}/.uploading-$_task-$NOMAD_ALLOC_ID"
  # A task that was killed at the next step but one.
  for _each in "$_kept/${TASKS}/.uploading-$_task-old-"*; do
    if [ -e "$_each" ] && [ ! -e "$_mine" ]; then mv "$_each" "$_mine" || return 1; fi
  done
  rm -rf "$_beside"
  only_new &&
  mkdir -p "$_beside/${OUTPUT}" &&
  cp -pRP . "$_beside/${OUTPUT}/" &&
  cp "$_aside/${LOG_FILE}" "$_beside/${LOG_FILE}" &&
  printf '{\\n  "exitCode": %s,\\n  "id": %s,\\n  "index": %s,\\n  "value": "%s",\\n  "parameters": {%s},\\n  "startedAt": "%s",\\n  "finishedAt": "%s",\\n  "node": "%s",\\n  "allocation": "%s"\\n}\\n' \\
    "$_code" "$_task" "$SWEEP_INDEX" "$_value" "$_parameters" \\
    "$_began" "$_ended" "$_node" "$NOMAD_ALLOC_ID" >"$_beside/${TASK_FILE}"
}
place() {
  { [ ! -e "$_mine" ] || mv "$_mine" "$_kept/${TASKS}/.uploading-$_task-old-$NOMAD_ALLOC_ID"; } &&
  mv "$_beside" "$_mine" &&
  rm -rf "$_kept/${TASKS}/.uploading-$_task-old-"* || return 1
  # Another client may be at it still, and is not needed any more.
  if [ "$_code" -eq 0 ]; then rm -rf "$_kept/${TASKS}/.uploading-$_task-"*; fi
}
_parameters=
${parameters.join("\n")}
json "$_value"
_value=$_json
json "\${SWEEP_NODE:-}"
_node=$_json
_complete=
if keep; then _complete=1; fi
if is_done; then
  rm -rf "$_beside"
  echo "task $_task was done meanwhile by another client; what that left stays in sweeps/${name}/${TASKS}/$_task"
  exit 0
fi
if [ -z "$_complete" ] || ! place; then
  rm -rf "$_beside"
  echo "what task $_task left could not be copied to the volume ${volume.name}; is it full? npx homelab files rm frees space; what was there is untouched" >&2
  if [ "$_code" -eq 0 ]; then _code=${NOT_KEPT}; fi
fi
exit "$_code"
`;
}
