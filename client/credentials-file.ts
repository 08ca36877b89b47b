import { readFileSync } from "node:fs";
import { join } from "node:path";
import { reason } from "../config/reason.ts";

/** What ~/.mlflow/credentials says, which MLflow's client reads where its environment says nothing. */
export interface CredentialsFile {
  /** Its path, where there is such a file. */
  readonly path?: string;
  readonly username?: string;
  readonly password?: string;
  /** Why the client fails over it, at each request. */
  readonly problem?: string;
}

const USERNAME = "mlflow_tracking_username";
const PASSWORD = "mlflow_tracking_password";

/**
 * Reads the file as Python's configparser does, which MLflow uses.
 * https://docs.python.org/3/library/configparser.html#supported-ini-file-structure
 *
 * @param home the user's home directory
 */
export function readCredentialsFile(home: string): CredentialsFile {
  const path = join(home, ".mlflow", "credentials");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    // The client asks whether it is there, and reads it where it can: what it can't read is no file.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    return { path, problem: `${path}: ${reason(error)}; mend or remove it` };
  }
  const parsed = parse(text);
  if ("problem" in parsed) return { path, problem: `${path}: ${parsed.problem}` };
  try {
    const [username, password] = [USERNAME, PASSWORD].map((key) =>
      interpolated(parsed.values, key),
    );
    return { path, username, password };
  } catch (error) {
    return { path, problem: `${path}: ${(error as Error).message}` };
  }
}

/** Of configparser's BasicInterpolation. */
const DEPTH = 10;

/** @throws Error, with what to do, where configparser would */
function interpolated(values: Values, key: string, depth = 0): string | undefined {
  return values.get(key)?.replace(/%(%|\(([^)]+)\)s|)/g, (_, what: string, name = "") => {
    if (what === "%") return "%";
    const other = what && depth < DEPTH && interpolated(values, name.toLowerCase(), depth + 1);
    if (typeof other === "string" && what) return other;
    throw new Error(`${key}: a % that is meant is written as %% in this file`);
  });
}

type Values = ReadonlyMap<string, string>;
type Parsed = { readonly problem: string } | { readonly values: Values };

function parse(text: string): Parsed {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim();
    const at = `line ${index + 1}`;
    if (content === "" || /^[#;]/.test(content)) continue;
    if (section && key && /^\s/.test(line)) {
      section.set(key, `${section.get(key)}\n${content}`);
      continue;
    }
    key = undefined;
    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      if (sections.has(header) && header !== "DEFAULT")
        return { problem: `${at}: section [${header}] is there twice; keep one` };
      section = sections.get(header) ?? new Map();
      sections.set(header, section);
      continue;
    }
    if (!section) return { problem: `${at}: it is in no section; begin the file with [mlflow]` };
    const option = /^(.*?)\s*[=:]\s*(.*)$/.exec(content);
    if (!option) return { problem: `${at}: expected NAME = VALUE` };
    const name = (option[1] ?? "").toLowerCase();
    if (section.has(name)) return { problem: `${at}: ${name} is there twice; keep one` };
    section.set(name, option[2] ?? "");
    key = name;
  }
  const own = sections.get("mlflow");
  return { values: own ? new Map([...(sections.get("DEFAULT") ?? []), ...own]) : new Map() };
}
