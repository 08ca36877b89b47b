import { Listr, type ListrTask } from "listr2";
import type { HomelabConfig } from "../config/schema.ts";
import { labDown as stop } from "../lab/down.ts";
import { labErrors } from "../lab/errors.ts";
import { findServer } from "../lab/servers.ts";
import { type LabSettings, labSettings } from "../lab/settings.ts";
import { labUpSteps, labUp as start } from "../lab/up.ts";
import { probeDocker } from "../preflight/docker.ts";
import { probeNomad } from "../preflight/nomad.ts";
import { probeRegistry } from "../preflight/registry.ts";

/** Starts the embedded homelab, or finds it running. */
export async function labUp(): Promise<void> {
  await start(labSettings());
}

/** Stops the embedded homelab. */
export async function labDown(options: { purge?: boolean }): Promise<void> {
  await stop(labSettings(), { purge: options.purge ?? false });
}

/** The steps of lab-up, folded into one when the lab's servers run. */
export function labSteps(settings: LabSettings): ListrTask[] {
  const servers = ["registry", "nomad-server", "nomad", "traefik", "dnsmasq"] as const;
  if (!servers.every((server) => findServer(settings, server))) return labUpSteps(settings);
  return [
    {
      title: "Look at the embedded homelab",
      task: async (_, task) => {
        // Each step is done all the same: a newer checkout may have another configuration.
        const silent = { renderer: "silent", registerSignalListeners: false } as const;
        await new Listr(labUpSteps(settings), silent).run();
        task.title = "Embedded homelab: running";
      },
    },
  ];
}

/**
 * Says what to do before what needs the embedded homelab.
 *
 * @throws LabError when the config is the embedded homelab's, and a part of that does not answer
 */
export async function expectLab(config: HomelabConfig): Promise<void> {
  if (!config.embedded) return;
  const probes = [probeNomad(config, false), probeDocker(config), probeRegistry(config)];
  const problems = (await Promise.all(probes)).flat();
  if (problems.length > 0) throw labErrors.notRunning();
}
