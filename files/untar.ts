import { type Extract, extract } from "tar-stream";

/** A member of a tar that is read. */
export type Member = Extract extends AsyncIterable<infer T> ? T : never;

/**
 * Reads a tar to its end; each member is to be read before the next comes.
 *
 * @param body is ended when a member can't be taken
 * @throws what the body or a member throws
 */
export async function untar(
  body: AsyncIterable<Buffer> & { destroy(): void },
  take: (member: Member) => Promise<void>,
): Promise<void> {
  const tar = extract();
  // It is told where it is read.
  tar.on("error", () => {});
  const feeding = feed(body, tar);
  // Its failure is seen below, when the members so far are taken.
  feeding.catch(() => {});
  try {
    for await (const member of tar) await take(member);
    await feeding;
  } catch (error) {
    body.destroy();
    tar.destroy(null);
    await feeding.catch(() => {});
    throw error;
  }
}

/** Hands on what comes, and an error. */
async function feed(body: AsyncIterable<Buffer>, tar: Extract): Promise<void> {
  try {
    for await (const piece of body) if (!tar.write(piece) && !tar.destroyed) await ready(tar);
    tar.end(null);
  } catch (error) {
    tar.destroy(error as Error);
    throw error;
  }
}

/** When it takes more, or nothing any more. */
function ready(tar: Extract): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      tar.off("drain", done).off("close", done);
      resolve();
    };
    tar.on("drain", done).on("close", done);
  });
}
