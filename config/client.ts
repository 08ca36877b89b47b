import { z } from "zod";
import { absolutePath, hostname, port } from "./fields.ts";

/** A machine that Ansible prepares. */
export const client = z.strictObject({
  name: hostname()
    .refine((each) => !["all", "ungrouped"].includes(each), {
      error: 'a name other than Ansible\'s own "all" and "ungrouped"',
    })
    .describe("Name in the Ansible inventory, and in messages."),
  address: hostname().optional().describe("Address to connect to. Default: the name."),
  connection: z
    .enum(["ssh", "local"])
    .default("ssh")
    .describe('"local" when the deploy runs on the Nomad client itself.'),
  port: port().default(22).describe("SSH port."),
  user: z
    .string()
    .regex(/^[\p{L}\p{N}_][\p{L}\p{N}_.@\\+-]*$/u, { error: "a user name, such as ansible" })
    .optional()
    .describe("SSH user. Default: ssh's own."),
  privateKey: absolutePath().optional().describe("SSH private key file. Default: ssh's own."),
  knownHosts: absolutePath()
    .refine((path) => !/["'\\]/.test(path), { error: "a path without quotes and backslashes" })
    .optional()
    .describe("File with the host key, as known_hosts. Default: ssh's own."),
  become: z.boolean().default(true).describe("Use sudo on the client; the roles need root there."),
});

/** No two that are one machine. */
export const clients = z
  .array(client)
  .superRefine((clients, context) => {
    // DNS knows no upper case, and Ansible would set up one machine twice, side by side.
    const names = duplicates(clients.map((each) => each.name));
    const places = duplicates(clients.map(place)).filter((index) => !names.includes(index));
    for (const index of names)
      context.addIssue({
        code: "custom",
        path: [index, "name"],
        input: clients[index]?.name,
        message: "a name that no other client has, in upper or lower case",
      });
    for (const index of places)
      context.addIssue({
        code: "custom",
        path: [index],
        input: clients[index],
        message: "another machine than that of a client above",
      });
  })
  .default([])
  .describe("The Nomad clients that get the volumes. None where there are no volumes.");

/** Where a text stands again, upper or lower case being the same. */
function duplicates(texts: string[]): number[] {
  const known = texts.map((each) => each.toLowerCase());
  return [...known.keys()].filter((index) => known.indexOf(known[index] ?? "") !== index);
}

/** The machine a client is, as far as its settings tell. */
function place({ connection, name, address, port }: z.output<typeof client>): string {
  return connection === "local" ? "this machine" : `${address ?? name}:${port}`;
}
