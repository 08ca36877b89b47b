import { labDown as stop } from "../lab/down.ts";
import { labSettings } from "../lab/settings.ts";
import { labUp as start } from "../lab/up.ts";

/** Starts the embedded homelab, or finds it running. */
export async function labUp(): Promise<void> {
  await start(labSettings());
}

/** Stops the embedded homelab. */
export async function labDown(options: { purge?: boolean }): Promise<void> {
  await stop(labSettings(), { purge: options.purge ?? false });
}
