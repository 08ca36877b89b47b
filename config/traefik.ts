import { isIP } from "node:net";
import { z } from "zod";
import { absolutePath, oneLine } from "./fields.ts";

const cidr = z.string().refine(isCidr, {
  error: 'an IP address or a range of them, such as "192.168.1.0/24"',
});

/** What the service's Traefik tags are made of. */
export const traefik = z
  .strictObject({
    enable: z
      .boolean()
      .default(true)
      .describe("Tag the service for Traefik with a router for the hostname."),
    entryPoints: z
      .array(z.string().regex(/^[\w-]+$/, { error: 'a name, such as "websecure"' }))
      .default([])
      .describe("Names of Traefik's entry points. Default: those Traefik has as its default."),
    tls: z
      .boolean()
      .default(false)
      .describe(
        "Route https, and make it the url's scheme. The entry point has to be a secure one.",
      ),
    certResolver: z
      .string()
      .regex(/^[\w-]+$/, { error: 'a name, such as "letsencrypt"' })
      .optional()
      .describe(
        "Certificate resolver of Traefik's for the hostname. Default: Traefik's certificates.",
      ),
    rule: oneLine("a rule on one line, such as Host(`mlflow.lan`)")
      .optional()
      .describe(
        "Router rule. Default: Host(`HOSTNAME`), and the url's host where that is another, below server.staticPrefix.",
      ),
    ipAllowList: z
      .array(cidr)
      .default([])
      .describe("Addresses and ranges that are let in; others get 403. Default: all."),
    basicAuth: z
      .strictObject({
        usersFile: absolutePath().describe(
          "File on Traefik's machine, as `htpasswd -B` makes it. The hashes are read there: tags are readable by all in Nomad.",
        ),
      })
      .optional()
      .describe(
        "A login in front of MLflow. Clients send MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and the deploy needs both for its check.",
      ),
    middlewares: z
      .array(z.string().regex(/^[\w.-]+(@[\w-]+)?$/, { error: 'a name, such as "headers@file"' }))
      .default([])
      .describe(
        "More middlewares of Traefik's, by name, after ipAllowList and basicAuth. None may buffer: uploads are streamed.",
      ),
  })
  .prefault({})
  .describe(
    "The reverse proxy in front. Its entry point's transport.respondingTimeouts.readTimeout (60s by default) cuts longer uploads: set it to 0 there.",
  );

function isCidr(value: string): boolean {
  const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(value) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128);
}
