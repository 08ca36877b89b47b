/** Files of a folder here go up: small ones together, large ones each by itself. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { FileServer } from "./file-server.ts";
import { toSend } from "./plan.ts";
import { isChanged, type LocalEntry } from "./scan.ts";
import { seconds, tarOf } from "./tar-of.ts";
import { isLarge } from "./tree.ts";

export interface Uploaded {
  /** Files and links that were sent. */
  readonly sent: number;
  /** Bytes of those. */
  readonly bytes: number;
  /** Files and links that were there already. */
  readonly same: number;
}

/**
 * Sends what of a folder here is not there, or is another. Nothing is deleted there. What was
 * complete before an upload broke is there, and is not sent again.
 *
 * @param entries of the folder
 * @param to folder on the volume
 * @throws UserError
 */
export async function upload(
  server: FileServer,
  directory: string,
  entries: readonly LocalEntry[],
  to: string,
): Promise<Uploaded> {
  const missing = toSend(entries, (await server.tree(to)) ?? []);
  const sent = missing.filter(isContent);
  const together = missing.filter((entry) => !isLarge(entry));
  const changed = await sendTogether(server, directory, together, to);
  for (const entry of missing.filter(isLarge)) {
    await sendOne(server, directory, entry, to);
    if (await isChanged(directory, entry)) changed.push(entry.path);
  }
  if (changed.length > 0)
    throw new UserError(
      changed.map(
        (path) => `${join(directory, path)}: was changed while it was sent; run it again`,
      ),
    );
  return {
    sent: sent.length,
    bytes: sent.reduce((sum, { type, size }) => sum + (type === "file" ? size : 0), 0),
    same: entries.filter(isContent).length - sent.length,
  };
}

/** As one tar; the folder there is made by it, too. @returns paths of those that were changed meanwhile */
async function sendTogether(
  server: FileServer,
  directory: string,
  entries: readonly LocalEntry[],
  to: string,
): Promise<string[]> {
  const tar = tarOf(directory, entries);
  const count = entries.filter(isContent).length;
  try {
    const taken = await server.put(to, tar.pieces);
    if (taken !== count)
      throw new UserError([
        `the file server has taken ${taken} of ${count} files; run it again: it goes on where it was`,
      ]);
  } catch (error) {
    // A file that can't be read breaks the connection: the cause is told.
    throw tar.failure() ?? error;
  } finally {
    await tar.close();
  }
  return [...tar.changed];
}

async function sendOne(
  server: FileServer,
  directory: string,
  { path, size, mode, mtimeNs }: LocalEntry,
  to: string,
): Promise<void> {
  const at = join(directory, path);
  const unreadable = (error: unknown) => new UserError([`${at}: ${reason(error)}; run it again`]);
  const file = await open(at).catch((error) => {
    throw unreadable(error);
  });
  const read = async (into: Buffer) => {
    const { bytesRead } = await file.read(into).catch((error) => {
      throw unreadable(error);
    });
    if (bytesRead === 0) throw unreadable(new Error("it became shorter while it was sent"));
    return bytesRead;
  };
  try {
    await server.putFile(`${to}/${path}`, { size, read }, mode, seconds(mtimeNs));
  } finally {
    await file.close();
  }
}

function isContent({ type }: LocalEntry): boolean {
  return type !== "directory";
}
