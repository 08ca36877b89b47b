import { Agent, request } from "undici";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { pushedDigest } from "../status/pushed-digest.ts";
import { ensureSweepImage, sweepImage } from "../sweep/image.ts";

/**
 * An image with Python, by its digest: any that was built for tasks of sweeps does; where there is
 * none, one is built.
 *
 * @param say tells the user what takes time
 * @throws UserError where it can't be built
 */
export async function filesImage(
  config: HomelabConfig,
  say: (line: string) => void,
): Promise<string> {
  const { repository, tag } = sweepImage(config);
  const registry = { ...config, image: { ...config.image, name: repository } };
  const own = await pushedDigest(registry, tag);
  if ("unknown" in own) throw new UserError([`${own.unknown}; start it`]);
  const named = (digest: string) => `${config.registry.address}/${repository}@${digest}`;
  if (own.digest) return named(own.digest);
  for (const each of await tagsOf(config, repository)) {
    const found = await pushedDigest(registry, each);
    if ("digest" in found && found.digest) return named(found.digest);
  }
  return ensureSweepImage(config, undefined, say);
}

/**
 * The tags of a repository; none where the registry does not say.
 * https://distribution.github.io/distribution/spec/api/#listing-image-tags
 */
async function tagsOf({ registry }: HomelabConfig, repository: string): Promise<string[]> {
  const dispatcher = new Agent({ connect: { timeout: 5_000 }, headersTimeout: 10_000 });
  const url = `${registry.scheme}://${registry.address}/v2/${repository}/tags/list`;
  try {
    const { statusCode, body } = await request(url, { dispatcher });
    const text = await body.text();
    return statusCode === 200 ? ((JSON.parse(text) as { tags: string[] | null }).tags ?? []) : [];
  } catch {
    return [];
  } finally {
    await dispatcher.close();
  }
}
