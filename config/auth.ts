import { z } from "zod";
import { wholeNumber } from "./fields.ts";
import { secret } from "./secret.ts";

/** What MLflow's app "basic-auth" knows, the least first. */
export const PERMISSIONS = ["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"] as const;

/**
 * RFC 7617: the name ends at the colon. And MLflow's routes for artifacts (_authenticate_fastapi_request in
 * mlflow/server/auth/__init__.py) refuse a login that is not ASCII, while all others take it.
 */
export const USER_NAME = /^(?!.*:)[ -~]{1,255}$/;
export const USER_NAME_FORM = "at most 255 ASCII characters, without colons";

const none = z.strictObject({
  type: z.literal("none").describe("Who reaches MLflow may do everything."),
});

const basic = z.strictObject({
  type: z
    .literal("basic")
    .describe(
      "MLflow's own logins (its app basic-auth): each request needs one, and experiments and models are their maker's.",
    ),
  admin: z
    .strictObject({
      username: z
        .string()
        .regex(USER_NAME, { error: `a name of ${USER_NAME_FORM}` })
        .default("admin")
        .describe("Name. Another one is another admin: the one before stays until it is removed."),
      password: secret().describe(
        "Password, 12 ASCII characters or more. It is the admin's from each start of the server on.",
      ),
    })
    .describe(
      "Who may do everything, and makes the other users. The deploy's check logs in as it.",
    ),
  secretKey: secret().describe(
    "Signs the forms of the sign-up page: any long random text, such as `openssl rand -hex 32` prints.",
  ),
  defaultPermission: z
    .enum(PERMISSIONS)
    .default("READ")
    .describe("What users may do with what is another's, where nobody gave them more."),
  cacheSeconds: wholeNumber("seconds, ", 0, 3600)
    .default(30)
    .describe(
      "Seconds for which a worker takes a login for right without looking again, and so accepts a password that was changed; each look takes some 50 ms of CPU.",
    ),
});

/** Who is let in. */
export const auth = z
  .discriminatedUnion("type", [none, basic], { error: '"none" or "basic"' })
  .default({ type: "none" })
  .describe("Who is let in, and to what.");

export type Auth = z.output<typeof auth>;

/** MLflow's own logins, of a checked config. */
export type BasicAuth = z.output<typeof basic>;

/**
 * Why a password can't be a user's, in words that tell nothing of it; undefined when it can.
 * MLflow's own rules: mlflow/utils/validation.py and mlflow/server/auth/__init__.py.
 */
export function passwordProblem(password: string): string | undefined {
  if (!/^[ -~]*$/.test(password))
    return "holds characters beyond ASCII, which MLflow refuses where artifacts go up and down; set one without";
  if (password.length < 12)
    return "is shorter than the 12 characters that MLflow wants; set a longer one";
  if (password === "password1234")
    return "is the one that older versions of MLflow came with; MLflow refuses it, choose another";
  return undefined;
}
