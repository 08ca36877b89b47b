import type { z } from "zod";
import { UserError } from "./errors.ts";
import { type HomelabConfig, homelabSchema } from "./schema.ts";
import { show } from "./show.ts";

/**
 * Checks what a config file exports and fills in the defaults.
 *
 * @param file the file's name as a user knows it
 * @throws UserError with every problem, one line each: file, key, what was found, what is allowed
 */
export function checkConfig(exported: unknown, file: string): HomelabConfig {
  const result = homelabSchema.safeParse(exported, { reportInput: true });
  if (result.success) return result.data;
  throw new UserError(result.error.issues.flatMap((issue) => describe(file, issue)));
}

function describe(file: string, issue: z.core.$ZodIssue): string[] {
  const at = [...issue.path];
  const line = (path: PropertyKey[], found: string, allowed: string) =>
    `${file}: ${keyPath(path)}: found ${found}; expected ${allowed}`;
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map(
        (key) => `${file}: ${keyPath([...at, key])}: unknown key; see docs/configuration.md`,
      );
    case "invalid_union": {
      // Of a union of objects, the one that has the user's key is the one they meant.
      const nested = issue.errors.filter((each) => each.some((e) => e.path.length > 0));
      const closest = nested.find((each) => each.every((e) => e.code !== "unrecognized_keys"));
      if (closest)
        return closest.flatMap((e) => describe(file, { ...e, path: [...at, ...e.path] }));
      return [line(at, show(issue.input), "one of the forms in docs/configuration.md")];
    }
    case "invalid_key":
      return issue.issues.map((e) => line(at, show(at.at(-1)), e.message));
    case "invalid_type":
      if (issue.input === undefined)
        return [`${file}: ${keyPath(at)}: missing; expected ${issue.expected}`];
      return [
        line(
          at,
          show(issue.input),
          issue.message.replace(/^Invalid input: expected ([^,]*).*$/, "$1"),
        ),
      ];
    case "invalid_value":
      return [line(at, show(issue.input), issue.values.map((v) => JSON.stringify(v)).join(" or "))];
    case "too_big":
    case "too_small":
      return [
        line(at, show(issue.input), issue.message.replace(/^Too (big|small): expected /, "")),
      ];
    default:
      return [line(at, show(issue.input), issue.message)];
  }
}

function keyPath(path: readonly PropertyKey[]): string {
  return (
    path.reduce<string>(
      (left, key) =>
        typeof key === "number" ? `${left}[${key}]` : left ? `${left}.${String(key)}` : String(key),
      "",
    ) || "the default export"
  );
}
