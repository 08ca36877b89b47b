import { Agent, request } from "undici";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";

/** The manifests that a push makes; the registry answers with the digest of what was asked for. */
const MANIFESTS = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

export type PushedDigest = { readonly digest?: string } | { readonly unknown: string };

/**
 * The digest that a tag has in the registry: none where nobody pushed it.
 * https://distribution.github.io/distribution/spec/api/#existing-manifests
 */
export async function pushedDigest(
  { registry, image }: HomelabConfig,
  tag: string,
): Promise<PushedDigest> {
  const url = `${registry.scheme}://${registry.address}/v2/${image.name}/manifests/${tag}`;
  try {
    const dispatcher = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 10_000 });
    const headers = { accept: MANIFESTS };
    const { statusCode, headers: found } = await request(url, {
      method: "HEAD",
      headers,
      dispatcher,
    });
    if (statusCode === 404) return {};
    const digest = found["docker-content-digest"];
    if (statusCode === 200 && typeof digest === "string") return { digest };
    // Its login is docker's own, and not read for this.
    return { unknown: `the registry answers ${statusCode}` };
  } catch (error) {
    return { unknown: `registry at ${registry.address}: ${reason(error)}` };
  }
}
