/** What a sweep's job has of files. */
import type { HomelabConfig } from "../config/schema.ts";
import type { Volume } from "../config/volume.ts";
import { asksForFiles } from "./files-input.ts";
import type { SweepInput } from "./input.ts";

/** Of the volume, as a sweep needs it. */
export interface SweepVolume {
  /** Name of the host volume. */
  readonly name: string;
  /** Whether what the tasks leave is kept there. */
  readonly keeps: boolean;
}

/**
 * The volume that a sweep's tasks have; undefined where they have none. It binds them to clients that
 * have it, and so is there unasked only where that is all of them.
 */
export function sweepVolume(
  { files, driver, container, local }: Pick<SweepInput, "files" | "driver" | "container" | "local">,
  { volumes, clients }: Pick<HomelabConfig, "volumes" | "clients">,
): SweepVolume | undefined {
  const volume = volumes.files;
  if (
    !volume ||
    local ||
    driver === "raw_exec" ||
    (files.outputs === false && files.filestores.length === 0)
  )
    return undefined;
  const asked = asksForFiles(files).length > 0;
  // Another image may want another user than the volume's owner.
  const unasked = container === undefined && isOnAll(volume, clients.length);
  if (!asked && !unasked) return undefined;
  return { name: volume.name, keeps: files.outputs ?? true };
}

function isOnAll({ source }: Volume, clients: number): boolean {
  return "nfs" in source || clients === 1;
}
