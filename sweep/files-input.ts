/** What of a sweep is about files. */
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { reason } from "../config/reason.ts";
import { statHere } from "../config/stat-here.ts";
import { storeName } from "../files/paths.ts";
import type { Entry, Inputs } from "./entries.ts";
import * as parse from "./parse.ts";
import { Wrong } from "./wrong.ts";

export interface FilesInput {
  /** Names of the file stores that the tasks have. */
  readonly filestores: readonly string[];
  /** Files and folders that lie in the tasks' working folder under their own names; of FOLDER/. the content does. */
  readonly uploads: readonly string[];
  /** The folder whose content lies there, and to which new and changed files come back. */
  readonly sync?: string;
  /** The folder that what the tasks made comes to. */
  readonly download?: string;
  /** Whether what the tasks leave is kept; undefined where nobody says. */
  readonly outputs?: boolean;
}

/** Where tasks find the volume, and each store by its name. */
export const FILESTORES = "/scratch/filestores";

/**
 * The options that are about files.
 *
 * @param wait whether somebody waits for the sweep
 */
export function readFilesInput(inputs: Inputs, wait: boolean): FilesInput {
  const download = inputs.one("download", (text, { layer }) => ({
    folder: downloadFolder(text),
    layer,
  }));
  // To the tool of the COILED headers it only keeps what is left, where nobody waits; and so where a nearer
  // place says not to.
  const isFar = download?.layer === "COILED" || inputs.isNearer("wait", "download");
  const isKept = download !== undefined && isFar && !wait;
  return {
    filestores: [...new Set(inputs.all("filestore", storeName))],
    uploads: [...new Set(inputs.all("upload", uploaded))],
    sync: inputs.one("sync", existingFolder),
    download: isKept ? undefined : download?.folder,
    outputs: inputs.one("outputs", parse.flag) ?? (isKept || undefined),
  };
}

/** The options of a sweep that want the volume, as they are said. */
export function asksForFiles({ filestores, uploads, sync, download, outputs }: FilesInput) {
  return [
    ...(filestores.length > 0 ? ["--filestore"] : []),
    ...(uploads.length > 0 ? ["--upload"] : []),
    ...(sync === undefined ? [] : ["--sync"]),
    ...(download === undefined ? [] : ["--download"]),
    ...(outputs === true ? ["--outputs"] : []),
  ];
}

interface Beside {
  readonly files: FilesInput;
  readonly driver: "docker" | "raw_exec";
  readonly local: boolean;
  readonly wait: boolean;
  readonly tasks: readonly { readonly id: number }[];
}

/**
 * What does not go together, one line each.
 *
 * @param hasVolume whether the config has a volume for files
 */
export function filesContradictions(
  { files, driver, local, wait, tasks }: Beside,
  hasVolume: boolean,
): string[] {
  const asked = asksForFiles(files);
  const needsKept = asked.filter((each) => ["--sync", "--upload", "--download"].includes(each));
  // Here, without Nomad, there are working folders alone.
  if (local)
    return asked
      .filter((each) => ["--filestore", "--download"].includes(each))
      .map((each) => `${each}: not together with --local, which has no volume for files`);
  return [
    ...(driver === "raw_exec"
      ? asked.map(
          (each) => `${each}: not together with --driver raw_exec, whose tasks have no volumes`,
        )
      : []),
    ...(hasVolume || driver === "raw_exec"
      ? []
      : asked.map(
          (each) =>
            `${each}: found no volume for files in the config; expected one, such as volumes: { ..., files: { source: { directory: "/srv/homelab-files" } } } (or nfs), then make deploy`,
        )),
    ...(files.outputs === false
      ? needsKept.map((each) => `--outputs: found false; expected true with ${each}`)
      : []),
    ...(files.download !== undefined && !wait
      ? ["--download: expected --wait with it: who waits gets the files"]
      : []),
    ...(files.download === undefined ? [] : occupied(files.download, tasks)),
  ];
}

/** Each task's files come to a folder of their own, and nothing is written over. */
function occupied(download: string, tasks: Beside["tasks"]): string[] {
  if (!statHere(download)) return [];
  let there: Set<string>;
  try {
    there = new Set(readdirSync(download));
  } catch (error) {
    return [`--download: found ${download}, and ${reason(error)}; expected a new folder`];
  }
  const [found] = tasks.filter(({ id }) => there.has(String(id)));
  if (!found) return [];
  return [`--download: found ${download}/${found.id} already; expected a new folder`];
}

/**
 * A folder's content goes along by its links, what is named itself does not: under the link's name the tasks
 * would find what leads nowhere there. The tool of the COILED headers takes the content of a folder.
 */
function uploaded(text: string, { layer }: Entry): string {
  const found = text === "" ? undefined : statHere(text);
  if (found?.isDirectory()) return layer === "COILED" ? `${text}/.` : text;
  if (!found?.isFile()) throw new Wrong("a file or a folder that is there");
  if (lstatSync(text).isSymbolicLink())
    throw new Wrong(`no link, but the file that it leads to: ${realpathSync(text)}`);
  return text;
}

function existingFolder(text: string): string {
  if (text === "" || !statHere(text)?.isDirectory()) throw new Wrong("a folder that is there");
  return text;
}

function downloadFolder(text: string): string {
  const allowed = "a folder, or nothing yet";
  try {
    const found = statSync(text, { throwIfNoEntry: false });
    if (text === "" || (found && !found.isDirectory())) throw new Wrong(allowed);
  } catch (error) {
    throw error instanceof Wrong ? error : new Wrong(`${allowed} (${reason(error)})`);
  }
  return text;
}
