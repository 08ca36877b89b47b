import { sweepFolder } from "../../files/paths.ts";
import { files, size } from "../../files/size.ts";
import { upload } from "../../files/upload.ts";
import type { Back } from "../../sweep/bring-back.ts";
import type { SweepInput } from "../../sweep/input.ts";
import { type SweepWork, valuesText } from "../../sweep/runner.ts";
import { expectNew, type Source, sendInput } from "../../sweep/send-input.ts";
import { storesOf } from "../../sweep/sidecars/file-stores.ts";
import { withFiles } from "../files/context.ts";
import type { Context } from "./context.ts";

/**
 * Sends what the tasks get, then registers the sweep; one that is not registered leaves nothing.
 *
 * @returns what the registration does
 */
export async function sending<T>(
  context: Context,
  { input, record }: SweepWork,
  sources: readonly Source[],
  register: () => Promise<T>,
): Promise<T> {
  const { name } = input;
  const stores = storesOf(input.sidecars);
  if (sources.length === 0 && stores.length === 0) return register();
  const texts = { sweep: record, values: valuesText(input) };
  let refused: unknown;
  return withFiles(context, async (server) => {
    await expectNew(server, name);
    try {
      // A sidecar has no script of ours that would make them.
      for (const store of stores) await upload(server, ".", [], store);
      if (sources.length > 0) {
        const { sent, bytes } = await sendInput(server, name, sources, texts);
        console.error(`${name}: ${files(sent)} sent (${size(bytes)})`);
      }
      return await register().catch((error) => {
        refused = error;
        throw error;
      });
    } catch (error) {
      await server.remove(sweepFolder(name)).catch(() => {});
      throw error;
    }
  }).catch((error) => {
    // What Nomad refuses is Nomad's.
    throw refused ?? error;
  });
}

/** Where what the tasks make is to come to, when they have ended. */
export function backOf(
  { files: { download, sync } }: SweepInput,
  sources: readonly Source[],
): Back {
  if (download !== undefined) return { download };
  const [source] = sources;
  if (sync === undefined || !source) return {};
  return { sync: { directory: sync, entries: source.entries } };
}
