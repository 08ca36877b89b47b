import { Agent, request } from "undici";
import { firstLine, reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { registryLogin } from "../constructs/registry-login.ts";

/** Does the registry answer, and is there a login where it wants one? */
export async function probeRegistry({ registry }: HomelabConfig): Promise<string[]> {
  const base = `${registry.scheme}://${registry.address}`;
  try {
    // https://distribution.github.io/distribution/spec/api/#api-version-check
    const dispatcher = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 10_000 });
    const { statusCode, headers, body } = await request(`${base}/v2/`, { dispatcher });
    const text = await body.text();
    const page = text.trimStart().startsWith("<");
    if (statusCode === 200 && !page) return [];
    if (statusCode === 401 && headers["www-authenticate"]) {
      if (registryLogin(registry.address)) return [];
      return [`registry at ${base}: it wants a login; run \`docker login ${registry.address}\``];
    }
    const to = headers.location ? ` to ${headers.location}` : "";
    const said = text.trim() === "" ? "" : ` (${firstLine(text)})`;
    return [
      `registry at ${base}: expected a registry at /v2/, found status ${statusCode}${to}${said}; set registry.address and registry.scheme`,
    ];
  } catch (error) {
    return [
      `registry at ${base}: ${reason(error)}; start it, or set registry.address and registry.scheme`,
    ];
  }
}
