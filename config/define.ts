import type { HomelabInput } from "./schema.ts";

/**
 * Types a config in the editor. It checks nothing yet: that happens when the config is loaded,
 * so that all problems can be named with their file.
 *
 * @param config what homelab.config.ts exports by default
 */
export function defineHomelab(config: HomelabInput): HomelabInput {
  return config;
}
