/** Lines kept around a change inside a long text, such as the jobspec. */
const CONTEXT = 2;

/**
 * Terraform's plan for a reader: without the legend, and of each long text only what changes in it.
 *
 * @param shown what `terraform show` says of a plan
 * @returns nothing when there are no changes
 */
export function readablePlan(shown: string): string[] {
  const lines = shown.split("\n").map((line) => line.trimEnd());
  const from = lines.findIndex((line) => /^ {2}# /.test(line));
  const planned = lines.findIndex((line) => /^Plan: \d/.test(line));
  if (from >= 0 && planned > from) return shortened(lines.slice(from, planned + 1));
  const outputs = lines.indexOf("Changes to Outputs:");
  return outputs < 0 ? [] : upToBlank(lines.slice(outputs));
}

/** The lines with each heredoc cut down to its changes. */
function shortened(lines: readonly string[]): string[] {
  const result: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    result.push(line);
    if (!line.endsWith("<<-EOT")) continue;
    const end = lines.findIndex((each, index) => index > at && /^\s*EOT\b/.test(each));
    if (end < 0) continue;
    result.push(...changesOf(lines.slice(at + 1, end)));
    at = end - 1;
  }
  return result;
}

function changesOf(text: readonly string[]): string[] {
  // Terraform puts its sign before the text, which is indented further.
  const indent = Math.min(...text.filter((line) => line !== "").map((line) => line.search(/\S/)));
  const changed = text.map((line) => /^[-+~] /.test(line.slice(indent)));
  const near = (index: number) =>
    changed.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some((each) => each);
  const dots = `${" ".repeat(Number.isFinite(indent) ? indent : 0)}...`;
  const result: string[] = [];
  text.forEach((line, index) => {
    if (near(index)) result.push(line);
    else if (result.at(-1) !== dots) result.push(dots);
  });
  return result;
}

function upToBlank(lines: readonly string[]): string[] {
  const end = lines.findIndex((line, index) => index > 1 && line === "");
  return end < 0 ? [...lines] : lines.slice(0, end);
}
