import { existsSync, readFileSync } from "node:fs";
import { UserError } from "../config/errors.ts";

/**
 * Refuses a state that Terraform could not read either, in fewer words.
 *
 * @param file Terraform's state; there may be none yet
 * @throws UserError when it is there and is no JSON
 */
export function checkStateFile(file: string): void {
  if (!existsSync(file)) return;
  const text = readFileSync(file, "utf8");
  const backup = `${file}.backup`;
  // To Terraform the same as none; beside a copy it is what a full disk left.
  if (text === "" && !existsSync(backup)) return;
  try {
    JSON.parse(text);
  } catch {
    const remedy = existsSync(backup)
      ? `put the one before it back (cp ${backup} ${file})`
      : "move it away and deploy once with job.adopt: true";
    throw new UserError([
      `${file}: Terraform's state is damaged, it is no JSON; ${remedy}; the server and its data are untouched`,
    ]);
  }
}
