import { UserError } from "../config/errors.ts";
import type { FileServer } from "./file-server.ts";
import { toSend } from "./plan.ts";
import type { LocalEntry } from "./scan.ts";
import { tarOf } from "./tar-of.ts";

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
  const tar = tarOf(directory, missing);
  try {
    const taken = await server.put(to, tar.pieces);
    if (taken !== sent.length)
      throw new UserError([
        `the file server has taken ${taken} of ${sent.length} files; run it again: it goes on where it was`,
      ]);
  } catch (error) {
    // A file that can't be read breaks the connection: the cause is told.
    throw tar.failure() ?? error;
  } finally {
    await tar.close();
  }
  if (tar.changed.length > 0) throw new UserError(tar.changed);
  return {
    sent: sent.length,
    bytes: sent.reduce((sum, { type, size }) => sum + (type === "file" ? size : 0), 0),
    same: entries.filter(isContent).length - sent.length,
  };
}

function isContent({ type }: LocalEntry): boolean {
  return type !== "directory";
}
