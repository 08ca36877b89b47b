/**
 * How a task gets its script: in environment variables that its shell reads. As a template it would be a
 * file, and Nomad starts a process of its own for the templates of each task, which took a seventh of the
 * time of trivial ones (docs/benchmarks.md).
 */

/** Name of a variable, with the number of its part. The script unsets them: they are not the user's. */
const PART = "HOMELAB_SCRIPT_";

/**
 * Characters of a part: with four bytes each they stay below what Linux takes as one variable
 * (MAX_ARG_STRLEN, 128 KiB: https://man7.org/linux/man-pages/man2/execve.2.html).
 */
const PART_LENGTH = 24_000;

/** The variables of a script. */
export function scriptVariables(script: string): Record<string, string> {
  const parts = script.match(new RegExp(`[^]{1,${PART_LENGTH}}`, "gu")) ?? [];
  return Object.fromEntries(parts.map((part, at) => [`${PART}${at}`, encode(part)]));
}

/** The script of a task's variables. */
export function scriptOf(variables: Readonly<Record<string, string>>): string {
  const names = Object.keys(variables).filter((name) => name.startsWith(PART));
  const number = (name: string) => Number(name.slice(PART.length));
  const inOrder = names.toSorted((a, b) => number(a) - number(b));
  return inOrder.map((name) => decode(variables[name] ?? "")).join("");
}

/** What a POSIX shell is given with -c to run the script of these variables: its text is in _script. */
export function startLine(variables: Readonly<Record<string, string>>): string {
  const names = Object.keys(variables);
  const values = names.map((name) => `"$${name}"`).join(" ");
  return `_script=$(printf %b ${values}); unset ${names.join(" ")}; eval "$_script"`;
}

/**
 * For printf's %b. Nomad would put its own values for \${...} in:
 * https://developer.hashicorp.com/nomad/docs/reference/runtime-variable-interpolation
 */
function encode(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("${", "\\0044{");
}

function decode(text: string): string {
  return text.replaceAll(/\\(?:\\|0044)/g, (found) => (found === "\\\\" ? "\\" : "$"));
}
