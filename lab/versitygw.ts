/** An S3 server beside the lab: versitygw, on a folder of the lab. */
import { mkdirSync } from "node:fs";
import { goBuild } from "./go-build.ts";
import { whySilent } from "./http.ts";
import { refusal } from "./refusal.ts";
import { ensureServer } from "./servers.ts";
import type { Work } from "./work.ts";

/** The root account of the lab's server. */
export const LAB_S3_ACCOUNT = { access: "lab-access", secret: "lab-s3-secret" } as const;

/** How the lab's S3 server may be besides: by TLS, and with buckets in the names of hosts. */
export interface VersitygwOptions {
  /** PEM files of its certificate and key. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Domain below which a bucket is a name. */
  readonly virtualDomain?: string;
}

/**
 * The lab's S3 server, healthy. A bucket is a folder in its folder.
 *
 * @param addresses where it listens: loopback, and what the containers can reach
 */
export async function ensureVersitygw(
  addresses: readonly string[],
  work: Work,
  { tls, virtualDomain }: VersitygwOptions = {},
): Promise<"started" | "running"> {
  const { settings, signal } = work;
  const binary = await goBuild(
    {
      folder: "versitygw",
      package: "github.com/versity/versitygw/cmd/versitygw",
      program: "versitygw",
      title: "versitygw",
    },
    work,
  );
  mkdirSync(settings.s3.dataDir, { recursive: true });
  const listening = addresses.flatMap((each) => ["--port", `${each}:${settings.ports.s3}`]);
  const url = `http://127.0.0.1:${settings.ports.s3}`;
  const options = [
    ...(tls ? ["--cert", tls.certificate, "--key", tls.key] : []),
    ...(virtualDomain ? ["--virtual-domain", virtualDomain] : []),
  ];
  return ensureServer(
    settings,
    {
      name: "versitygw",
      command: [binary, ...listening, ...options, "--quiet", "posix", settings.s3.dataDir],
      // Not as arguments, which all of this machine can read.
      env: { ROOT_ACCESS_KEY: LAB_S3_ACCOUNT.access, ROOT_SECRET_KEY: LAB_S3_ACCOUNT.secret },
      // Without a signature it refuses, and so is there.
      unhealthy: () => (tls ? refusal(settings.ports.s3) : whySilent(url)),
      patience: 60,
    },
    signal,
  );
}
