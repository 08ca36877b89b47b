import { isIPv4 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors.ts";
import { ask, DnsUnreachable, describeAnswer, describeTarget, leadsTo } from "../dns/question.ts";
import type { CheckSpec } from "./spec.ts";

/** A DNS server that was told of a record restarts. */
const PATIENCE_MS = 20_000;

/**
 * Asks the DNS server for the record.
 *
 * @returns the address that the name leads to
 * @throws UserError when it leads elsewhere, or nowhere
 */
export async function checkRecord({
  server,
  name,
  target,
}: NonNullable<CheckSpec["dns"]>): Promise<string> {
  const where = `DNS server at ${server.address}:${server.port}`;
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const [found, ofTarget] = await Promise.all([ask(server, name), ask(server, target)]);
      const [address] = found.addresses;
      if (address && leadsTo(found, target, ofTarget)) return address;
      if (Date.now() > end) {
        const todo =
          !isIPv4(target) && ofTarget.addresses.length === 0
            ? `it does not know the address of ${target} either, and answers a CNAME only for a name it knows: set dns.target to an address, or add ${target} there`
            : "is there another record of that name? see its log";
        throw new UserError([
          `${where}: ${name}: expected ${describeTarget(target)}, found ${describeAnswer(found)}; ${todo}`,
        ]);
      }
    } catch (error) {
      if (!(error instanceof DnsUnreachable) || Date.now() > end) throw error;
    }
    await sleep(500);
  }
}
