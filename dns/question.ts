import { lookup, Resolver } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { UserError } from "../config/errors.ts";
import { reason } from "../config/reason.ts";
import type { DnsServer } from "./spec.ts";

/** What a DNS server says of a name. */
export interface DnsAnswer {
  /** The name it stands for, where there is a CNAME record. */
  readonly cname?: string;
  /** Its IPv4 addresses, in order. */
  readonly addresses: readonly string[];
}

/** The server knows nothing of the name, or asks nobody else about it. */
const NOTHING = ["ENOTFOUND", "ENODATA", "EREFUSED", "ESERVFAIL"];

/** "No answer" in the words of config/reason.ts. */
const SILENT: Record<string, string> = { ETIMEOUT: "ETIMEDOUT" };

/** The server itself can't be asked. */
export class DnsUnreachable extends UserError {}

/**
 * Asks a DNS server for a name: that server alone, no hosts file and no search domain.
 *
 * @throws DnsUnreachable when it does not answer
 */
export async function ask(server: DnsServer, name: string): Promise<DnsAnswer> {
  const resolver = await resolverOf(server);
  const wanted = async (question: Promise<string[]>): Promise<string[]> => {
    try {
      return await question;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (NOTHING.includes(code)) return [];
      throw unreachable(server, Object.assign(new Error(code), { code: SILENT[code] ?? code }));
    }
  };
  const [aliases, addresses] = await Promise.all([
    wanted(resolver.resolveCname(name)),
    wanted(resolver.resolve4(name)),
  ]);
  return { cname: aliases[0]?.replace(/\.$/, ""), addresses: addresses.sort() };
}

async function resolverOf(server: DnsServer): Promise<Resolver> {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const { address } = await lookup(server.address, { family: 4 }).catch((error) => {
    throw unreachable(server, error);
  });
  resolver.setServers([`${address}:${server.port}`]);
  return resolver;
}

function unreachable({ address, port }: DnsServer, error: unknown): DnsUnreachable {
  return new DnsUnreachable([
    `DNS server at ${address}:${port}: ${reason(error)}; start it, or correct dns`,
  ]);
}

/**
 * Whether an answer is what a record with this target gives. A name that leads to where the target
 * leads is right as well, such as by a wildcard.
 *
 * @param ofTarget what the same server says of the target, where that is a hostname
 */
export function leadsTo(answer: DnsAnswer, target: string, ofTarget?: DnsAnswer): boolean {
  if (isIPv4(target)) return answer.addresses.join() === target;
  if (answer.cname?.toLowerCase() === target.toLowerCase()) return true;
  return answer.addresses.length > 0 && answer.addresses.join() === ofTarget?.addresses.join();
}

/** An answer in words: "CNAME other.lan", "10.0.0.9", "nothing". */
export function describeAnswer({ cname, addresses }: DnsAnswer): string {
  const parts = [...(cname ? [`CNAME ${cname}`] : []), ...addresses];
  return parts.join(", ") || "nothing";
}

/** What a record is, in the same words. */
export function describeTarget(target: string): string {
  return isIPv4(target) ? target : `CNAME ${target}`;
}
