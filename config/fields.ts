/** Kinds of values that fields of the schema have in common. */
import { isAbsolute } from "node:path";
import { z } from "zod";

const HOSTNAME_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const HOSTNAME = new RegExp(`^(?=.{1,253}$)${HOSTNAME_LABEL}(\\.${HOSTNAME_LABEL})*$`);

/** https://github.com/distribution/reference, a little narrower: host, name, tag, digest. */
export const IMAGE =
  /^([\w.-]+(:\d{1,5})?\/)?[a-z0-9._-]+(\/[a-z0-9._-]+)*(:\w[\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/i;
/** The name of an environment variable. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Any text but the empty one. */
export const text = (allowed = "a non-empty text") => z.string().min(1, { error: allowed });
/** A text without line breaks and other control characters. */
export const oneLine = (allowed = "a non-empty text on one line") =>
  z.string().regex(/^\P{Cc}+$/u, { error: allowed });
/** A hostname or IPv4 address. */
export const hostname = () =>
  z.string().refine(isHostname, {
    error: 'a hostname (RFC 1123: letters, digits, hyphens and dots, such as "mlflow.lan")',
  });
/** Terraform would read these in a text that is no resource's, and cdktf does not escape it. */
export const plainLine = (allowed: string) =>
  oneLine(allowed).regex(/^(?!.*[$%]\{)/, { error: allowed });
/** Nomad's rule for job and namespace names is wider; this is what is also a safe DNS and file name. */
export const name = () =>
  z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: "1 to 63 lower-case letters, digits or hyphens, not at the ends",
  });
/** A TCP or UDP port. */
export const port = () => z.int({ error: "a port from 1 to 65535" }).min(1).max(65535);
/** An image of Docker's. */
export const image = (example: string) =>
  z.string().regex(IMAGE, { error: `an image, such as ${example}` });
/** The origin of a server, without a slash at its end. */
export const httpUrl = () =>
  z
    .string()
    .refine(isHttpUrl, {
      error: 'an http:// or https:// URL without a path, such as "http://nomad.lan:4646"',
    })
    .overwrite((url) => url.replace(/\/$/, ""));
/** An absolute path that fits into any file system, and into a list with colons. */
export const absolutePath = () =>
  z
    .string()
    .refine((path) => isAbsolute(path) && !/[\p{Cc}:]/u.test(path), {
      error: "an absolute path without colons or line breaks",
    })
    .refine((path) => bytes(path) <= 1000 && path.split("/").every((part) => bytes(part) <= 255), {
      error: "an absolute path of at most 1000 bytes, and 255 for each name in it",
    });
/** A uid or gid: neither root nor nobody. */
export const id = (what: string) =>
  z
    .int({ error: `a numeric ${what} from 1 to 65533` })
    .min(1, { error: `a numeric ${what} from 1 to 65533: the server never runs as root` })
    .max(65533, { error: `a numeric ${what} from 1 to 65533` });

function bytes(value: string): number {
  return Buffer.byteLength(value);
}

/** Whether a number is a TCP or UDP port. */
export function isPort(value: number): boolean {
  return value >= 1 && value <= 65535;
}

/** Whether a text is a hostname (RFC 1123) or an IPv4 address. */
export function isHostname(value: string): boolean {
  // A URL reads 1.2 and 0x7f.1 as other addresses, and 256.1.1.1 and a bad xn-- as none.
  const url = `http://${value}`;
  return HOSTNAME.test(value) && URL.canParse(url) && new URL(url).hostname === value.toLowerCase();
}

function isHttpUrl(value: string): boolean {
  // Not left to the parser: it forgives blanks, backslashes and more, and the text is used as it is.
  const [, host = "", port = "80"] =
    /^https?:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?\/?$/.exec(value) ?? [];
  const known = host.startsWith("[") ? URL.canParse(value) : isHostname(host);
  return known && isPort(Number(port));
}

/** A whole number between two bounds, both included, as the message says. */
export const wholeNumber = (unit: string, min: number, max: number) => {
  const error = `${unit}a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** How a server ("agent") on another machine is restarted: by default as the systemd service of this name. */
export const restart = (service: string, server: string) =>
  z
    .union(
      [
        z.strictObject({
          service: z
            .string()
            .regex(/^[\w.@:\\][\w.@:\\-]*$/, { error: `a systemd service, such as ${service}` })
            .describe("Name of the systemd service."),
        }),
        z.strictObject({
          command: z
            .array(oneLine())
            .min(1, { error: "a command and its arguments" })
            .describe(`Command and arguments; returns when the ${server} was started again.`),
        }),
      ],
      {
        error: `either { service: "${service}" } or { command: ["/path/to/program", "argument"] }`,
      },
    )
    .default({ service });
