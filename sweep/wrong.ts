/** A value that an option does not take: its message says what is allowed. */
export class Wrong extends Error {
  override readonly name = "Wrong";
}
