import { Resolver } from "node:dns/promises";
import { mkdirSync } from "node:fs";
import { installedProgram } from "./debian-packages.ts";
import { ensureServer, type ServerCommand, stopServer } from "./servers.ts";
import type { LabSettings } from "./settings.ts";
import type { Work } from "./work.ts";
import { writeIfChanged } from "./write-file.ts";

/** Debian's dnsmasq-base: the program alone, which no package's script starts on port 53. */
export function dnsmasqBinary(work: Work): Promise<string> {
  const remedy = "install dnsmasq (https://thekelleys.org.uk/dnsmasq/doc.html)";
  return installedProgram("dnsmasq", ["dnsmasq-base"], remedy, work);
}

/** The lab's DNS server, healthy. A changed configuration of the lab's own starts it anew. */
export async function ensureDnsmasq(binary: string, work: Work): Promise<"started" | "running"> {
  const { settings } = work;
  mkdirSync(settings.dnsmasq.recordDir, { recursive: true });
  if (writeIfChanged(settings.dnsmasq.configFile, dnsmasqConfig(settings)))
    await stopServer(settings, "dnsmasq");
  return ensureServer(settings, dnsmasq(settings, binary), work.signal);
}

/** Stops the DNS server and starts it again, so that it reads its drop-in files anew. */
export async function restartDnsmasq(
  settings: LabSettings,
  binary: string,
  signal: AbortSignal,
): Promise<void> {
  await stopServer(settings, "dnsmasq");
  await ensureServer(settings, dnsmasq(settings, binary), signal);
}

/** It knows its own records and asks nobody else. */
export function dnsmasqConfig({ ports, dnsmasq: { recordDir } }: LabSettings): string {
  return [
    `port=${ports.dns}`,
    "listen-address=127.0.0.1",
    "bind-interfaces",
    "no-resolv",
    "no-hosts",
    "host-record=localhost,127.0.0.1",
    `conf-dir=${recordDir},*.conf`,
    "user=nobody",
    "group=nogroup",
    "keep-in-foreground",
    "log-facility=-",
    "pid-file=",
    "",
  ].join("\n");
}

function dnsmasq(settings: LabSettings, binary: string): ServerCommand {
  return {
    name: "dnsmasq",
    command: [binary, `--conf-file=${settings.dnsmasq.configFile}`],
    unhealthy: async () => {
      const resolver = new Resolver({ timeout: 1000, tries: 1 });
      resolver.setServers([`127.0.0.1:${settings.ports.dns}`]);
      try {
        await resolver.resolve4("localhost");
        return undefined;
      } catch (error) {
        return `asked for localhost: ${(error as Error).message}`;
      }
    },
    patience: 30,
  };
}
