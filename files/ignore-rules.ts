/** What .gitignore and .homelabignore files say of a folder's content. */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import ignore from "ignore";

/** The later counts over the earlier. */
const IGNORE_FILES = [".gitignore", ".homelabignore"];

/** The rules of one folder. */
export interface Rules {
  readonly rules: ignore.Ignore;
  /** How they know a path below the scanned folder. */
  readonly known: (path: string) => string;
}

/**
 * Those of the files in a folder.
 *
 * @param folder below the scanned one; ends with a slash, or is empty
 * @param names of what is in it
 */
export async function rulesOf(
  at: string,
  folder: string,
  names: readonly string[],
): Promise<Rules[]> {
  const files = IGNORE_FILES.filter((file) => names.includes(file)).map((file) => join(at, file));
  return rulesIn(files, (path) => path.slice(folder.length));
}

/**
 * Those that git knows from above a folder, what counts least first: of the folders up to the
 * repository's root, and of its info/exclude. None where they ignore the folder itself, which somebody
 * has asked for.
 */
export async function rulesAbove(directory: string): Promise<Rules[]> {
  const bottom = await realpath(directory);
  const root = await rootOf(bottom);
  if (root === undefined) return [];
  const knownIn = (folder: string) => {
    const below = relative(folder, bottom);
    return (path: string) => join(below, path);
  };
  const all = await rulesIn([join(await gitFolder(root), "info", "exclude")], knownIn(root));
  for (const folder of foldersBetween(root, bottom)) {
    const files = IGNORE_FILES.map((file) => join(folder, file));
    all.push(...(await rulesIn(files, knownIn(folder))));
  }
  return bottom !== root && isIgnored("/", all) ? [] : all;
}

/** The nearest file that says anything decides, as with git. */
export function isIgnored(path: string, all: readonly Rules[]): boolean {
  let ignored = false;
  for (const { known, rules } of all) {
    const said = rules.test(known(path));
    if (said.ignored) ignored = true;
    if (said.unignored) ignored = false;
  }
  return ignored;
}

async function rulesIn(files: readonly string[], known: Rules["known"]): Promise<Rules[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  if (texts.every((text) => text === "")) return [];
  return [{ rules: ignore({ ignorecase: false }).add(texts.join("\n")), known }];
}

/** The first of a folder and those above it that is a repository's. */
async function rootOf(folder: string): Promise<string | undefined> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.includes(".git")) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : rootOf(above);
}

/** Of a further work tree or a submodule, .git is a file that says where it is. */
async function gitFolder(root: string): Promise<string> {
  const git = join(root, ".git");
  if ((await stat(git).catch(() => undefined))?.isDirectory() !== false) return git;
  const text = await readFile(git, "utf8").catch(() => "");
  const own = resolve(root, text.replace(/^gitdir:/, "").trim());
  const common = await readFile(join(own, "commondir"), "utf8").catch(() => ".");
  return resolve(own, common.trim());
}

/** From the first down to the one above the last. */
function foldersBetween(first: string, last: string): string[] {
  if (first === last) return [];
  const above = dirname(last);
  return [...foldersBetween(first, above), above];
}
