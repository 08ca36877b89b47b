import { isIPv4 } from "node:net";

/** The two lists of local records in Pi-hole's configuration, as its API gives them. */
export interface PiholeRecords {
  /** "ALIAS[,ALIAS...],TARGET[,TTL]", as in dnsmasq's cname option. */
  readonly cnameRecords: readonly string[];
  /** "ADDRESS NAME [NAME...]", as in a hosts file. */
  readonly hosts: readonly string[];
}

export type PiholeList = keyof PiholeRecords;

/** An entry of one of the lists. */
export interface PiholeItem {
  readonly list: PiholeList;
  readonly value: string;
}

/** The entry that is a record. */
export function itemFor(name: string, target: string): PiholeItem {
  return isIPv4(target)
    ? { list: "hosts", value: `${target} ${name}` }
    : { list: "cnameRecords", value: `${name},${target}` };
}

/** The entries that say something about a name, each with its target and what is left without it. */
export function itemsAbout(
  name: string,
  { cnameRecords, hosts }: PiholeRecords,
): (PiholeItem & { target: string; rest?: string })[] {
  const wanted = name.toLowerCase();
  const without = (names: string[]) => names.filter((each) => each.toLowerCase() !== wanted);
  const aliases = cnameRecords.flatMap((value) => {
    const fields = value.split(",").map((field) => field.trim());
    const ttl = /^\d+$/.test(fields.at(-1) ?? "") ? fields.splice(-1) : [];
    const target = fields.pop() ?? "";
    const left = without(fields);
    if (left.length === fields.length) return [];
    const rest = left.length > 0 ? [...left, target, ...ttl].join(",") : undefined;
    return [{ list: "cnameRecords" as const, value, target, rest }];
  });
  const addresses = hosts.flatMap((value) => {
    const [target = "", ...names] = value.trim().split(/\s+/);
    const left = without(names);
    if (left.length === names.length) return [];
    const rest = left.length > 0 ? [target, ...left].join(" ") : undefined;
    return [{ list: "hosts" as const, value, target, rest }];
  });
  return [...aliases, ...addresses];
}
