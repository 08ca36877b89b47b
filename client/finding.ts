/** What a check found. */
export interface Finding {
  readonly status: "ok" | "wrong" | "skipped";
  /** What was found, or why it was skipped. */
  readonly found: string;
  /** What to do, where it is wrong. */
  readonly todo?: string;
}

export function ok(found: string): Finding {
  return { status: "ok", found };
}

export function wrong(found: string, todo: string): Finding {
  return { status: "wrong", found, todo };
}

export function skipped(found: string): Finding {
  return { status: "skipped", found };
}
