import { VARIABLE_NAME } from "../config/fields.ts";

/** What a file of variables holds, or what is wrong with it, one line each. */
export interface EnvFile {
  readonly variables: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

/**
 * Reads lines `NAME=VALUE`, as docker's --env-file has them: blank lines and those that begin with #
 * do not count, and nothing is unquoted.
 *
 * @param file as the user named it, for messages
 */
export function readEnvFile(text: string, file: string): EnvFile {
  const variables: Record<string, string> = {};
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(at, 0)).trim();
    // The value may be a secret, and is not shown.
    if (!VARIABLE_NAME.test(name)) problems.push(`${file}:${index + 1}: expected NAME=VALUE`);
    else variables[name] = line.slice(at + 1).trim();
  }
  return { variables, problems };
}
