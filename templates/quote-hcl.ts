/**
 * A value as an HCL literal. Texts become quoted strings in which nothing is interpolated:
 * https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions
 *
 * The brace of `${` and `%{` is written as `\u007b`, not `$${`: a job is HCL 2, but Nomad reads its
 * agent's configuration as HCL 1, which knows no `$${`.
 */
export function quoteHcl(value: string | number | boolean | readonly string[]): string {
  if (typeof value === "object") return `[${value.map((each) => quoteHcl(each)).join(", ")}]`;
  if (typeof value !== "string") return String(value);
  return `"${value.replace(/(?<=[$%])\{|[\\"\p{Cc}]/gu, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === '"' || character === "\\") return `\\${character}`;
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
