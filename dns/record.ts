import { UserError } from "../config/errors.ts";
import { Pihole, PiholeUnreachable } from "./pihole.ts";
import { itemFor, itemsAbout } from "./pihole-records.ts";
import { runRecordPlaybook } from "./playbook.ts";
import { ask, describeAnswer, describeTarget, leadsTo } from "./question.ts";
import type { DnsSpec, PiholeKeeper, PlaybookKeeper } from "./spec.ts";

/**
 * Makes the record, or finds it there.
 *
 * @throws UserError when the name has another target and may not be taken over, or when the server
 *   can't be reached or refuses
 */
export async function makeRecord(spec: DnsSpec): Promise<void> {
  const { keeper } = spec;
  if (keeper.kind === "playbook") await makeByPlaybook(spec, keeper);
  else await makeInPihole(spec, keeper);
}

/**
 * Removes the record that was made; one that somebody else has changed since is left.
 *
 * @returns what is left to be done by hand, one line each
 * @throws UserError when the server refuses
 */
export async function removeRecord(spec: DnsSpec): Promise<string[]> {
  const { keeper } = spec;
  return keeper.kind === "playbook"
    ? await removeByPlaybook(spec, keeper)
    : await removeFromPihole(spec, keeper);
}

async function makeByPlaybook(spec: DnsSpec, keeper: PlaybookKeeper): Promise<void> {
  const { name, target, server } = spec;
  const [found, ofTarget] = await Promise.all([ask(server, name), ask(server, target)]);
  const isThere = leadsTo(found, target, ofTarget);
  const isFree = found.cname === undefined && found.addresses.length === 0;
  if (!isThere && !isFree && !spec.replace)
    throw taken(`DNS server at ${server.address}:${server.port}`, spec, describeAnswer(found));
  // A run that died after it had written the file has not restarted the server.
  const ran = await runRecordPlaybook(keeper, { state: "present", restart: !isThere });
  if (ran.unreachable)
    throw new UserError([
      `${keeper.place}: Ansible can't reach the DNS server's machine; correct dns.host`,
    ]);
  if (ran.code !== 0) throw new UserError([`${keeper.place}: the playbook failed: see above`]);
}

async function removeByPlaybook(spec: DnsSpec, keeper: PlaybookKeeper): Promise<string[]> {
  const { unreachable, code } = await runRecordPlaybook(keeper, { state: "absent" });
  if (unreachable)
    return [
      `${keeper.place}: Ansible can't reach the DNS server's machine, so the record of ${spec.name} is still there; remove that file by hand and restart the DNS server`,
    ];
  if (code !== 0) throw new UserError([`${keeper.place}: the playbook failed: see above`]);
  return [];
}

async function makeInPihole(spec: DnsSpec, keeper: PiholeKeeper): Promise<void> {
  const { name, target } = spec;
  const pihole = await Pihole.login(keeper.url);
  try {
    const about = itemsAbout(name, await pihole.records());
    const others = about.filter((item) => !isSame(item.target, target));
    if (others.length > 0 && !spec.replace)
      throw taken(
        `Pi-hole at ${keeper.url}`,
        spec,
        others.map((item) => describeTarget(item.target)).join(", "),
      );
    const isThere = others.length < about.length;
    for (const [index, { list, value, rest }] of others.entries()) {
      const last = isThere && index === others.length - 1 && !rest;
      await pihole.remove({ list, value }, last);
      if (rest) await pihole.add({ list, value: rest });
    }
    if (!isThere) await pihole.add(itemFor(name, target));
  } finally {
    await pihole.logout();
  }
}

async function removeFromPihole(spec: DnsSpec, keeper: PiholeKeeper): Promise<string[]> {
  const { name, target } = spec;
  try {
    const pihole = await Pihole.login(keeper.url);
    try {
      const about = itemsAbout(name, await pihole.records());
      for (const { list, value, rest } of about.filter((item) => isSame(item.target, target))) {
        await pihole.remove({ list, value }, rest === undefined);
        if (rest) await pihole.add({ list, value: rest });
      }
      return about
        .filter((item) => !isSame(item.target, target))
        .map(
          (item) =>
            `Pi-hole at ${keeper.url}: ${name} has been given another target, ${describeTarget(item.target)}; that record is left`,
        );
    } finally {
      await pihole.logout();
    }
  } catch (error) {
    if (!(error instanceof PiholeUnreachable)) throw error;
    return [
      `Pi-hole at ${keeper.url} does not answer, so the record of ${name} (${describeTarget(target)}) is still there; remove it by hand: Settings, Local DNS Records`,
    ];
  }
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function taken(where: string, { name, target }: DnsSpec, found: string): UserError {
  return new UserError([
    `${where}: ${name}: found ${found}, expected ${describeTarget(target)}; set dns.replace to true to replace that record, or remove it there`,
  ]);
}
