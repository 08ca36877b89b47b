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

export interface Header {
  readonly directives: readonly Directive[];
  /** What looks like one, and is below the header or not in capitals. */
  readonly unread: readonly Unread[];
}

/** Its marker is in capitals. */
export interface Unread extends Directive {
  readonly expected: "above the first line of code" | "in capitals";
}

const DIRECTIVE =
  /^#+\s*(SWEEP|COILED)(?:(?:\s*:\s*|\s+)-{0,2}([^\s=]+)(?:(?:\s*=\s*|\s+)(.*))?)?$/i;

/**
 * The directives at the top of a script: in its comments, up to the first line that is neither a
 * comment nor blank.
 */
export function readHeader(script: string): Header {
  const directives: Directive[] = [];
  const unread: Unread[] = [];
  let isTop = true;
  for (const [index, text] of script
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = text.trim();
    if (line !== "" && !line.startsWith("#")) isTop = false;
    const [, marker = "", key = "", value] = DIRECTIVE.exec(line) ?? [];
    if (!marker) continue;
    const known = marker.toUpperCase() as Directive["marker"];
    const directive = { marker: known, key, value: value?.trim(), line: index + 1 };
    if (marker === known && isTop) directives.push(directive);
    else if (marker === known)
      unread.push({ ...directive, expected: "above the first line of code" });
    // Of more words it is a sentence.
    else if (isTop && !/\s/.test(directive.value ?? " "))
      unread.push({ ...directive, expected: "in capitals" });
  }
  return { directives, unread };
}
