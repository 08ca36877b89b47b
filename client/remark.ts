/** A rule that the environment breaks, in one line: where, what was found, the reason, what to do. */
export interface Remark {
  /**
   * "fatal" when the client fails at each request, "wrong" when it does other than was meant, "note"
   * when it works and is worth knowing.
   */
  readonly kind: "fatal" | "wrong" | "note";
  readonly text: string;
}
