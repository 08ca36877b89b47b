import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A login in the netrc file, which Python's requests sends in place of any other. */
export interface NetrcLogin {
  readonly file: string;
  readonly username: string;
  readonly password: string;
}

/**
 * What requests finds for a host in NETRC, ~/.netrc or ~/_netrc.
 * https://requests.readthedocs.io/en/latest/user/authentication/#netrc-authentication
 *
 * @param home the user's home directory
 */
export function netrcLogin(
  host: string,
  home: string,
  env: NodeJS.ProcessEnv,
): NetrcLogin | undefined {
  const places = env.NETRC ? [env.NETRC] : [join(home, ".netrc"), join(home, "_netrc")];
  for (const file of places) {
    const text = read(file);
    if (text === undefined) continue;
    const entry = find(text, host);
    return entry && { file, ...entry };
  }
  return undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** The entry of the host, else the default one: the file is words, not lines. */
function find(text: string, host: string): { username: string; password: string } | undefined {
  const plain = text
    .replace(/^\s*macdef\b[\s\S]*?(\n\s*\n|$(?![\s\S]))/gm, "")
    .replace(/^\s*#.*$/gm, "");
  const words = [...plain.matchAll(/"((?:\\.|[^"\\])*)"|((?:\\.|[^\s\\])+)/gs)].map(
    ([, quoted, bare]) => (quoted ?? bare ?? "").replace(/\\(.)/gs, "$1"),
  );
  const entries = new Map<string, Record<string, string>>();
  let entry: Record<string, string> = {};
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "machine" || word === "default") {
      entry = {};
      entries.set(word === "default" ? "" : `=${words[++index]}`, entry);
    } else entry[word] = words[++index] ?? "";
  }
  const found = entries.get(`=${host}`) ?? entries.get("");
  if (!found) return undefined;
  const username = (found.login ?? found.user) || (found.account ?? "");
  return { username, password: found.password ?? "" };
}
