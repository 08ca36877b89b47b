/** A user's mistake: its message is all they need to see, one problem a line, never a stack trace. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly problems: readonly string[];
  /** Of the program that ends by it. */
  readonly exitCode: number;

  /** @param problems one line each: where, what was found, what to do */
  constructor(problems: readonly string[], exitCode = 1) {
    super(problems.join("\n"));
    this.problems = problems;
    this.exitCode = exitCode;
  }
}

/**
 * Whether it is one, of the class above or of the same one loaded a second time: what a config imports of
 * ours comes from our sources, also where the command itself is a bundle.
 */
export function isUserError(error: unknown): error is UserError {
  return (
    error instanceof Error &&
    error.name === "UserError" &&
    "problems" in error &&
    "exitCode" in error
  );
}

/**
 * Runs a program's main function; a UserError becomes its lines on stderr and its exit code.
 * Anything else is a bug of ours and keeps its stack trace.
 */
export async function exitOnUserError(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    printProblems(error.problems);
    process.exitCode = error.exitCode;
  }
}

/** Problems as a user sees them, on stderr. */
export function printProblems(problems: readonly string[]): void {
  for (const problem of problems) console.error(`error: ${problem}`);
}
