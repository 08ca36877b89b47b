import { Agent, request } from "undici";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { registryLogin } from "../constructs/registry-login.ts";

/** Does the registry answer, and is there a login where it wants one? */
export async function probeRegistry({ registry }: HomelabConfig): Promise<string[]> {
  const base = `${registry.scheme}://${registry.address}`;
  try {
    // https://distribution.github.io/distribution/spec/api/#api-version-check
    const dispatcher = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 10_000 });
    const answer = await request(`${base}/v2/`, { dispatcher });
    await answer.body.dump();
    if (answer.statusCode === 200) return [];
    if (answer.statusCode !== 401)
      return [
        `registry at ${base}: expected status 200 or 401 at /v2/, found ${answer.statusCode}: no Docker registry answers there; set registry.address`,
      ];
    if (registryLogin(registry.address)) return [];
    return [`registry at ${base}: it wants a login; run \`docker login ${registry.address}\``];
  } catch (error) {
    return [
      `registry at ${base}: ${reason(error)}; start it, or set registry.address and registry.scheme`,
    ];
  }
}
