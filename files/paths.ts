/** Where things are on volumes.files, and what may be called so. */
import { Wrong } from "../sweep/wrong.ts";

/** The folder that holds those of sweeps, and so no store. */
export const SWEEPS = "sweeps";

/** Names of files that are on their way begin so: beside their place, until they are complete. */
export const UPLOADING = ".uploading-";
export const DOWNLOADING = ".downloading-";

const STORE = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,61}[A-Za-z0-9_])?$/;

/** What is allowed, for messages. */
export const A_STORE =
  "the name of a store: 1 to 63 letters, digits, - and _, with . inside, and no slash";

/** The name of a file store. @throws Wrong */
export function storeName(text: string): string {
  if (!STORE.test(text)) throw new Wrong(A_STORE);
  if (text === SWEEPS) throw new Wrong(`another name than ${SWEEPS}, where those of sweeps are`);
  return text;
}

/** A path within a store, without a slash at its ends. @throws Wrong */
export function pathInStore(text: string): string {
  const path = text.replace(/^\.\//, "").replace(/\/+$/, "");
  if (!isSafe(path)) throw new Wrong("a path within the store, without . and .. in it");
  return path;
}

/** Whether a path leads to something below where it starts, whatever lies there but links. */
export function isSafe(path: string): boolean {
  return path.split("/").every((part) => !["", ".", ".."].includes(part) && !part.includes("\0"));
}

/**
 * Whether a link may lead out of the tree that it is in. Only at its start it may go up: of what
 * comes later, each part may be a link itself.
 *
 * @param path of the link in the tree
 */
export function leadsOut(path: string, link: string): boolean {
  const ways = link.split("/");
  const down = ways.findIndex((way) => way !== ".." && way !== ".");
  const start = down < 0 ? ways : ways.slice(0, down);
  const ups = start.filter((way) => way === "..").length;
  const later = ways.slice(start.length);
  return link.startsWith("/") || later.includes("..") || ups > path.split("/").length - 1;
}

/** The folder of what a sweep gets and leaves. */
export function sweepFolder(sweep: string): string {
  return `${SWEEPS}/${sweep}`;
}
