import { z } from "zod";
import { absolutePath } from "./fields.ts";

const FORMS = '{ env: "NAME" } or { file: "/path" }: where the secret is, never the secret itself';
const VARIABLE = "the name of an environment variable, in letters, digits and _";

/** Where a secret is when a deploy runs. The config, and so the state, never holds the secret. */
export const secret = () =>
  z.union(
    [
      z.strictObject({
        env: z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: VARIABLE })
          .describe("Environment variable of the deploy that holds it."),
      }),
      z.strictObject({
        file: absolutePath().describe(
          "File where the deploy runs that holds it; a line break at its end does not count.",
        ),
      }),
    ],
    { error: FORMS },
  );

/** Where a secret is, of a checked config. */
export type SecretSource = z.output<ReturnType<typeof secret>>;

/** Whether a message is about a place where somebody may have written the secret itself. */
export function mayShowSecret(message: string): boolean {
  return message === FORMS || message === VARIABLE;
}
