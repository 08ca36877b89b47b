/** Before the tests on real servers: a lab of their own, beside the user's. After them: stopped. */
import { join } from "node:path";
import { ROOT } from "../config/load.ts";
import { labDown } from "../lab/down.ts";
import { labSettings } from "../lab/settings.ts";
import { readLabState } from "../lab/state.ts";
import { labUp } from "../lab/up.ts";
import { installTestTools } from "./tools.ts";

export default async function setup(): Promise<() => Promise<void>> {
  // Two projects have this setup; the first to come starts the lab, and stops it in the end.
  if (process.env.HOMELAB_LAB_OF_TESTS) return async () => {};
  process.env.HOMELAB_LAB_OF_TESTS = "up";
  process.env.HOMELAB_LAB = join(ROOT, ".lab-tests");
  process.env.HOMELAB_LAB_PORT ??= "34600";
  const settings = labSettings();
  await installTestTools();
  await labUp(settings);
  const provider = readLabState(settings)?.nomadProvider;
  console.log(
    provider === "cli"
      ? "the job is registered by the nomad command: no hashicorp/nomad provider was found"
      : `the job is registered by the hashicorp/nomad provider (${provider})`,
  );
  return () => labDown(settings, { purge: process.env.HOMELAB_KEEP_LAB !== "1" });
}
