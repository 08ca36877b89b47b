import { isIPv4 } from "node:net";
import { z } from "zod";
import { client } from "./client.ts";
import { absolutePath, httpUrl, isHostname, port, restart } from "./fields.ts";

const dnsTarget = z
  .string()
  .refine((target) => isIPv4(target) || (isHostname(target) && !/^[\d.]+$/.test(target)), {
    error: 'a hostname (a CNAME record) or an IPv4 address (an A record), such as "traefik.lan"',
  })
  .describe(
    "What the hostname points to: a hostname makes a CNAME record, an IPv4 address an A record.",
  );
const dnsReplace = z
  .boolean()
  .default(false)
  .describe("Take the place of a record of that name with another target.");
const dnsPort = port().default(53).describe("Port at which the server answers questions.");
const dnsHost = client
  .omit({ connection: true, become: true })
  .extend({
    connection: z
      .enum(["ssh", "local"])
      .default("ssh")
      .describe('"local" when the deploy runs on the DNS server itself.'),
    become: z.boolean().default(true).describe("Use sudo on the DNS server."),
  })
  .describe("The machine the DNS server runs on, as in clients.");
const dnsConfigDir = absolutePath()
  .default("/etc/dnsmasq.d")
  .describe("Directory of drop-in files, where one of our own is put.");

/** The record for the hostname. Pi-hole 5 is a dnsmasq with its own way to restart. */
export const dns = z
  .discriminatedUnion(
    "provider",
    [
      z.strictObject({ provider: z.literal("none").describe("You make the record by hand.") }),
      z.strictObject({
        provider: z
          .literal("dnsmasq")
          .describe("A drop-in file for dnsmasq, written by Ansible: target, host."),
        target: dnsTarget,
        replace: dnsReplace,
        host: dnsHost,
        port: dnsPort,
        configDir: dnsConfigDir,
        restart: restart("dnsmasq", "server").describe(
          "How dnsmasq is restarted: it reads drop-in files only when it starts.",
        ),
      }),
      z.discriminatedUnion(
        "version",
        [
          z.strictObject({
            provider: z
              .literal("pihole")
              .describe("Pi-hole: version, target, and url (6) or host (5)."),
            version: z
              .literal(6)
              .describe(
                "Pi-hole 6, by its API. PIHOLE_PASSWORD holds an app password, of a Pi-hole whose webserver.api.app_sudo is on.",
              ),
            target: dnsTarget,
            replace: dnsReplace,
            url: httpUrl().describe('Where its web interface is, such as "http://pi.hole".'),
            port: dnsPort,
          }),
          z.strictObject({
            provider: z
              .literal("pihole")
              .describe("Pi-hole: version, target, and url (6) or host (5)."),
            version: z.literal(5).describe("Pi-hole 5, by a drop-in file and `pihole restartdns`."),
            target: dnsTarget,
            replace: dnsReplace,
            host: dnsHost,
            port: dnsPort,
            configDir: dnsConfigDir,
          }),
        ],
        { error: "5 or 6" },
      ),
    ],
    { error: '"none", "dnsmasq" or "pihole"' },
  )
  .describe("The DNS record for the hostname, made before the check and removed on destroy.");
