/** Small files on the volume, as texts. */
import { pack } from "tar-stream";
import type { FileServer } from "./file-server.ts";
import { untar } from "./untar.ts";

/** The texts of files below a folder, by their paths; those that are not there are left out. @throws UserError */
export async function readTexts(
  server: FileServer,
  folder: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  if (paths.length === 0) return texts;
  const body = await server.get(folder, paths);
  try {
    await untar(body, async (member) => {
      const pieces: Buffer[] = [];
      for await (const piece of member as AsyncIterable<Buffer>) pieces.push(piece);
      texts.set(member.header.name, Buffer.concat(pieces).toString());
    });
  } catch (error) {
    throw server.broken(error);
  }
  return texts;
}

/** Writes a file into a folder, both made where they are missing. @throws UserError */
export async function writeTexts(
  server: FileServer,
  folder: string,
  texts: Readonly<Record<string, string>>,
): Promise<void> {
  const tar = pack();
  for (const [name, text] of Object.entries(texts)) tar.entry({ name }, text);
  tar.finalize();
  await server.put(folder, tar as AsyncIterable<Buffer>);
}
