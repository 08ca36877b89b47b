import { UserError } from "../config/errors.ts";

/** Exit code for a config or an option that is wrong, where 1 says what was found. */
export const BAD_INPUT = 2;

/** Runs a part of a program whose UserErrors end it with an exit code of their own. */
export async function failWith<T>(exitCode: number, part: () => Promise<T>): Promise<T> {
  try {
    return await part();
  } catch (error) {
    throw error instanceof UserError ? new UserError(error.problems, exitCode) : error;
  }
}
