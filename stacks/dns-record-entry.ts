import type { HomelabConfig } from "../config/schema.ts";
import type { DnsRecordEntry } from "../constructs/dns-record.ts";

/** The DNS record that a config asks for; none where it is made by hand. */
export function dnsRecordEntry({ dns, hostname, job }: HomelabConfig): DnsRecordEntry | undefined {
  if (dns.provider === "none") return undefined;
  const { target, replace, port } = dns;
  const record = { name: hostname, target, replace };
  if (dns.provider === "pihole" && dns.version === 6) {
    const { hostname: address } = new URL(dns.url);
    return { ...record, server: { address, port }, keeper: { piholeUrl: dns.url } };
  }
  const { host, configDir } = dns;
  const here = host.connection === "local" ? "127.0.0.1" : host.name;
  return {
    ...record,
    server: { address: host.address ?? here, port },
    keeper: {
      job: job.name,
      host,
      configDir,
      // Its `restartdns reload` would not read the drop-in files anew.
      restart: dns.provider === "pihole" ? { command: ["pihole", "restartdns"] } : dns.restart,
    },
  };
}
