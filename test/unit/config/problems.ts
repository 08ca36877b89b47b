import { checkConfig } from "../../../config/check.ts";
import { UserError } from "../../../config/errors.ts";

/** What is told of a config, in a file homelab.config.ts; nothing when it is right. */
export function problems(config: unknown): readonly string[] {
  try {
    checkConfig(config, "homelab.config.ts");
  } catch (error) {
    if (error instanceof UserError) return error.problems;
    throw error;
  }
  return [];
}
