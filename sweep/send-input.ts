/** What the tasks of a sweep get from here. */
import { realpathSync, statSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../config/errors.ts";
import type { FileServer } from "../files/file-server.ts";
import { sweepFolder } from "../files/paths.ts";
import { type LocalEntry, look, type ScanOptions, scan } from "../files/scan.ts";
import { writeTexts } from "../files/texts.ts";
import { type Uploaded, upload } from "../files/upload.ts";
import type { FilesInput } from "./files-input.ts";
import { INPUT, SWEEP_FILE, VALUES_FILE } from "./outputs.ts";

/** A folder here, of which some goes along. */
export interface Source {
  readonly directory: string;
  readonly entries: readonly LocalEntry[];
  /** Where it comes to lie in the working folder: nothing, or a name. */
  readonly to: string;
}

/**
 * Looks at all that is to go along.
 *
 * @param script path of the script here, which lies in the working folder under its name
 * @throws UserError with exit code 2, with every file that can't
 */
export async function scanSources(
  { sync, uploads }: FilesInput,
  script?: string,
): Promise<Source[]> {
  const problems: string[] = [];
  const sources: Source[] = [];
  const take = async (directory: string, to: string, options: ScanOptions = {}) => {
    const found = await scan(directory, options);
    problems.push(...found.problems);
    sources.push({ directory, entries: found.entries, to });
  };
  if (sync !== undefined) await take(sync, "", { inRepository: true });
  for (const path of uploads) {
    const name = basename(resolve(path));
    if (statSync(path).isDirectory()) await take(path, path.endsWith("/.") ? "" : name);
    else {
      const directory = dirname(path);
      sources.push({ directory, entries: [await look(directory, name)], to: "" });
    }
  }
  problems.push(...twice(sources, script));
  if (problems.length > 0) throw new UserError(problems, 2);
  return sources;
}

/** Two files can't lie at one place. */
function twice(sources: readonly Source[], script: string | undefined): string[] {
  const owners = new Map(script === undefined ? [] : [[basename(script), script]]);
  return sources.flatMap(({ directory, entries, to }) =>
    entries.flatMap(({ path, type }) => {
      const at = to ? `${to}/${path}` : path;
      const owner = owners.get(at);
      const own = join(directory, path);
      owners.set(at, own);
      if (owner === undefined || type === "directory") return [];
      // The folder that is sent may well be that of the script.
      if (owner === script && isSame(own, script)) return [];
      return [
        `what goes along: found ${own} and ${owner}; expected one file for ${at} of the tasks`,
      ];
    }),
  );
}

/** Whether two paths are of one file; not where one leads nowhere. */
function isSame(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

/** @throws UserError with exit code 2 where the volume has a sweep of that name */
export async function expectNew(server: FileServer, sweep: string): Promise<void> {
  if (!(await server.tree(sweepFolder(sweep)))) return;
  throw new UserError(
    [
      `--name ${sweep}: the volume for files has what an earlier sweep of that name left; expected another one, or npx homelab files rm ${sweep}`,
    ],
    2,
  );
}

/**
 * Sends it into the sweep's folder on the volume.
 *
 * @param texts by which the sweep is known there: its SWEEP_FILE and its values
 * @throws UserError
 */
export async function sendInput(
  server: FileServer,
  sweep: string,
  sources: readonly Source[],
  texts: { readonly sweep: string; readonly values: string },
): Promise<Pick<Uploaded, "sent" | "bytes">> {
  const folder = sweepFolder(sweep);
  await writeTexts(server, folder, { [VALUES_FILE]: texts.values, [SWEEP_FILE]: texts.sweep });
  let [sent, bytes] = [0, 0];
  for (const { directory, entries, to } of sources) {
    const done = await upload(server, directory, entries, join(folder, INPUT, to));
    sent += done.sent;
    bytes += done.bytes;
  }
  return { sent, bytes };
}

/** The same for a task here. */
export async function copySources(sources: readonly Source[], work: string): Promise<void> {
  for (const { directory, entries, to } of sources)
    for (const { path, type } of entries) {
      const at = join(work, to, path);
      if (type === "directory") await mkdir(at, { recursive: true });
      else {
        await mkdir(dirname(at), { recursive: true });
        const options = { preserveTimestamps: true, verbatimSymlinks: true };
        await cp(join(directory, path), at, options);
      }
    }
}
