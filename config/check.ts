import type { z } from "zod";
import { UserError } from "./errors.ts";
import { plainCopy } from "./plain.ts";
import { type HomelabConfig, homelabSchema } from "./schema.ts";
import { mayShowSecret } from "./secret.ts";
import { show } from "./show.ts";

/** What zod calls the types, in the words of an editor of a config. */
const TYPES: Record<string, string> = {
  array: "a list",
  boolean: "true or false",
  object: "a plain object",
  record: "a plain object",
  string: "a text",
};

/**
 * Checks what a config file exports and fills in the defaults.
 *
 * @param file the file's name as a user knows it
 * @throws UserError with every problem, one line each: file, key, what was found, what is allowed
 */
export function checkConfig(exported: unknown, file: string): HomelabConfig {
  const result = homelabSchema.safeParse(plainCopy(exported), { reportInput: true });
  if (result.success) return result.data;
  // Two checks of one value can say the same.
  throw new UserError([...new Set(result.error.issues.flatMap((issue) => describe(file, issue)))]);
}

function describe(file: string, issue: z.core.$ZodIssue): string[] {
  const at = [...issue.path];
  const line = (allowed: string, found = show(issue.input)) =>
    `${file}: ${keyPath(at)}: found ${mayShowSecret(allowed) ? "something else" : found}; expected ${allowed}`;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map(
        (key) => `${file}: ${keyPath([...at, key])}: unknown key; see docs/configuration.md`,
      );
    case "invalid_union": {
      // The form whose keys are all there is the one that was meant; else all forms are told.
      const [meant, other] = issue.errors.filter((errors) => !errors.some(isMissing));
      if (issue.discriminator) {
        const found = (issue.input as Record<string, unknown>)[issue.discriminator];
        return [line(issue.message, show(found))];
      }
      const forms = issue.message.replace(/^Invalid input$/, "a form in docs/configuration.md");
      if (!meant || other) return [line(forms)];
      return meant.flatMap((each) => describe(file, { ...each, path: [...at, ...each.path] }));
    }
    case "invalid_key":
      return issue.issues.map((each) => line(each.message, show(at.at(-1))));
    case "invalid_type": {
      const expected = TYPES[issue.expected] ?? issue.expected;
      // The message of a union that wants an object is about its forms.
      const own = expected !== TYPES.object && !/^Invalid input: expected /.test(issue.message);
      const allowed = own ? issue.message : expected;
      if (isMissing(issue)) return [`${file}: ${keyPath(at)}: missing; expected ${allowed}`];
      return [line(allowed)];
    }
    case "invalid_value":
      return [line(oneOf(issue.values.map((value) => JSON.stringify(value))))];
    case "too_big":
    case "too_small":
      return [line(issue.message.replace(/^Too (big|small): expected /, ""))];
    default:
      return [line(issue.message)];
  }
}

function oneOf(values: readonly string[]): string {
  return values.length > 3 ? `one of ${values.join(", ")}` : values.join(" or ");
}

function isMissing(issue: z.core.$ZodIssue): boolean {
  return issue.code === "invalid_type" && issue.input === undefined;
}

function keyPath(path: readonly PropertyKey[]): string {
  return path.map(step).join("").replace(/^\./, "") || "the default export";
}

function step(key: PropertyKey): string {
  if (typeof key === "string" && /^[\w-]+$/.test(key)) return `.${key}`;
  return `[${show(key)}]`;
}
