import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { reason } from "../../config/reason.ts";
import type { HomelabConfig } from "../../config/schema.ts";
import { ask, describeAnswer } from "../../dns/question.ts";
import { dnsRecordEntry } from "../../stacks/dns-record-entry.ts";
import { type Finding, ok, wrong } from "../finding.ts";

/** Does this machine know the name? It asks as Python does: the hosts file, then its DNS server. */
export async function checkName(url: URL, config: HomelabConfig): Promise<Finding> {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(name)) return ok(`${name} is an address`);
  try {
    const found = await lookup(name, { all: true });
    const addresses = [...new Set(found.map(({ address }) => address))];
    return ok(`${name} is ${addresses.join(", ")}`);
  } catch (error) {
    return wrong(`${name}: ${reason(error)}`, await whatToDo(name, config));
  }
}

async function whatToDo(name: string, config: HomelabConfig): Promise<string> {
  const byHand = `add it to this machine's DNS server or to /etc/hosts, with Traefik's address; getent hosts ${name} shows what it knows`;
  const record = dnsRecordEntry(config);
  if (record?.name.toLowerCase() !== name) return byHand;
  const { address, port } = record.server;
  const told = await ask(record.server, name).catch(() => undefined);
  if (!told) return byHand;
  if (told.addresses.length === 0)
    return `the DNS server at ${address}:${port} does not know it either: deploy again`;
  return `the DNS server at ${address}:${port} says ${describeAnswer(told)}: let this machine ask that server`;
}
