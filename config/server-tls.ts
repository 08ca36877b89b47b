import { z } from "zod";
import { absolutePath } from "./fields.ts";
import { secret } from "./secret.ts";

/** https by MLflow itself. */
export const tls = z
  .strictObject({
    certificate: absolutePath().describe(
      "PEM file, where the deploy runs, of the certificate for the name that clients connect to (of url, else hostname), and of those between it and its authority. It is no secret: it becomes part of the job.",
    ),
    key: secret().describe("Its private key, PEM, without a passphrase."),
  })
  .optional()
  .describe(
    "https by MLflow itself, for a deployment without Traefik. Renewed files are in force from the next deploy on. Default: http.",
  );

interface Served {
  readonly url?: string;
  readonly traefik: { readonly enable: boolean };
  readonly job: { readonly port?: number };
  readonly server: { readonly tls?: object };
}

type Issue = z.core.$ZodRawIssue<z.core.$ZodIssueCustom>;

/** Who speaks https is who clients connect to. */
export function checkServerTls(
  { url, traefik, job, server }: Served,
  context: { addIssue(issue: Issue): void },
): void {
  if (!server.tls) return;
  const refuse = (path: string[], input: unknown, message: string) =>
    context.addIssue({ code: "custom", path, input, message });
  if (traefik.enable)
    refuse(
      ["traefik", "enable"],
      true,
      "false, as there is a server.tls; with Traefik in front, traefik.tls is the https that clients see",
    );
  if (url?.startsWith("http:")) refuse(["url"], url, "an https:// URL, as there is a server.tls");
  if (!url && job.port === undefined)
    refuse(
      ["job", "port"],
      job.port,
      "a port, as clients connect to the Nomad client itself, or a url",
    );
}
