/** A directive of a script's header: `# SWEEP key value`, or of the tool it was written for, `# COILED key value`. */
export interface Directive {
  readonly marker: "SWEEP" | "COILED";
  /** As it is written; empty where the line has none. */
  readonly key: string;
  /** Without blanks around it; undefined where there is none. */
  readonly value?: string;
  /** Line in the script, from 1. */
  readonly line: number;
}

/**
 * The directives at the top of a script: in its comments, up to the first line that is neither a
 * comment nor blank.
 */
export function readHeader(script: string): Directive[] {
  const found: Directive[] = [];
  for (const [index, text] of script
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = text.trim();
    if (line === "") continue;
    if (!line.startsWith("#")) break;
    const match =
      /^#+\s*(SWEEP|COILED)(?:(?:\s*:\s*|\s+)-{0,2}([^\s=]+)(?:(?:\s*=\s*|\s+)(.*))?)?$/.exec(line);
    if (!match) continue;
    const [, marker, key = "", value] = match;
    found.push({
      marker: marker as Directive["marker"],
      key,
      value: value?.trim(),
      line: index + 1,
    });
  }
  return found;
}
