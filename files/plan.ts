/** What has to be sent, and what stands in its way. */
import ignore from "ignore";
import { show } from "../config/show.ts";
import { isSafe, leadsOut } from "./paths.ts";
import { isSame, type TreeEntry } from "./tree.ts";

/** Of what is here, what is not there or is another. */
export function toSend<T extends TreeEntry>(here: readonly T[], there: readonly TreeEntry[]): T[] {
  const known = new Map(there.map((entry) => [entry.path, entry]));
  return here.filter((entry) => !isSame(entry, known.get(entry.path)));
}

export interface DownloadPlan {
  /** Files to get. */
  readonly files: readonly TreeEntry[];
  /** Links to make. */
  readonly links: readonly TreeEntry[];
  /** Folders to make, those above before those below. */
  readonly folders: readonly TreeEntry[];
  /** What has another thing in its place here. */
  readonly taken: readonly TreeEntry[];
  /** The same, one line each. */
  readonly problems: readonly string[];
  /** What the user should know, one line each. */
  readonly notices: readonly string[];
}

export interface DownloadOptions {
  /** As in a .gitignore: only what it names. */
  readonly filter?: string;
  readonly overwrite: boolean;
  /** The folder here, for messages. */
  readonly into: string;
}

/**
 * What to get of a tree. A file that is here already and is another is a problem, unless it is to be
 * written over.
 *
 * @param there the tree on the volume
 * @param here what is in the folder that it comes to
 */
export function planDownload(
  there: readonly TreeEntry[],
  here: readonly TreeEntry[],
  { filter, overwrite, into }: DownloadOptions,
): DownloadPlan {
  const known = new Map(here.map((entry) => [entry.path, entry]));
  const wanted = filtered(there, filter);
  const problems: string[] = [];
  const notices: string[] = [];
  const missing: TreeEntry[] = [];
  const taken: TreeEntry[] = [];
  const refuse = (entry: TreeEntry, problem: string) => {
    taken.push(entry);
    problems.push(`${into}/${entry.path}: ${problem}`);
  };
  for (const entry of wanted) {
    const { path, type } = entry;
    const found = known.get(path);
    const escapes = !isSafe(path) || (type === "link" && leadsOut(path, entry.link ?? "/"));
    if (type === "other" || escapes) notices.push(leftOut(entry));
    else if (isSame(entry, found)) continue;
    else if (found && (found.type === "directory" || type === "directory"))
      refuse(
        entry,
        `found a ${found.type}, where a ${type} is to come; move it away, or use another --into`,
      );
    else if (found && !overwrite)
      refuse(entry, "is here already, and another; --overwrite, or another --into");
    else missing.push(entry);
  }
  const of = (type: TreeEntry["type"]) => missing.filter((entry) => entry.type === type);
  return {
    files: of("file"),
    links: of("link"),
    folders: of("directory"),
    taken,
    problems,
    notices,
  };
}

/** With a filter, folders come along by what is in them. */
function filtered(entries: readonly TreeEntry[], filter: string | undefined): readonly TreeEntry[] {
  if (filter === undefined) return entries;
  const rules = ignore({ ignorecase: false }).add(filter);
  return entries.filter(
    ({ path, type }) => type !== "directory" && isSafe(path) && rules.ignores(path),
  );
}

function leftOut({ path, type, link }: TreeEntry): string {
  if (type === "link") return `${show(path)} is left out: a link that leads out, to ${show(link)}`;
  return `${show(path)} is left out: it is no file, folder or link, or its name is no text`;
}
