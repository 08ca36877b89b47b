import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** An authority of a test's own, with certificates of its making: paths of PEM files. */
export interface Authority {
  readonly certificate: string;
  /**
   * Makes a certificate and its key.
   *
   * @param subjectAltName such as "DNS:localhost"
   * @param days from today on; it began a year before its end
   */
  issue(subjectAltName: string, days?: number): Promise<{ certificate: string; key: string }>;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

const CONFIG = `[ca]
default_ca = own
[own]
new_certs_dir = .
database = index.txt
serial = serial
default_md = sha256
policy = policy
copy_extensions = copy
[policy]
commonName = supplied
`;

export async function makeAuthority(): Promise<Authority> {
  const directory = mkdtempSync(join(tmpdir(), "homelab-authority-"));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execa("openssl", args, { cwd: directory });
  writeFileSync(at("ca.cnf"), CONFIG);
  writeFileSync(at("index.txt"), "");
  writeFileSync(at("serial"), "01\n");
  const subject = ["-subj", "/CN=an authority of a test", "-days", "2"];
  await openssl("req", "-x509", ...KEY, "-keyout", "ca.key", "-out", "ca.pem", ...subject);
  let issued = 0;
  return {
    certificate: at("ca.pem"),
    async issue(subjectAltName, days = 2) {
      const name = `issued-${++issued}`;
      const [key, request, certificate] = [`${name}.key`, `${name}.csr`, `${name}.pem`];
      const extension = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=${subjectAltName}`];
      await openssl("req", ...KEY, "-keyout", key, "-out", request, ...extension);
      const by = ["-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
      const period = ["-startdate", inDays(days - 365), "-enddate", inDays(days)];
      await openssl("ca", ...by, ...period, "-notext", "-in", request, "-out", certificate);
      return { certificate: at(certificate), key: at(key) };
    },
  };
}

/** As openssl writes a time: YYYYMMDDHHMMSSZ. */
function inDays(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${time.slice(0, 19).replace(/[-T:]/g, "")}Z`;
}

export interface TlsFront {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * TLS in front of a deployment, as a proxy of one's own would be.
 *
 * @param target the deployment's URL, whose host it asks for
 * @param clients path of the authority that clients need a certificate of; by default they need none
 */
export async function startTlsFront(
  target: string,
  { certificate, key }: { certificate: string; key: string },
  clients?: string,
): Promise<TlsFront> {
  const { hostname, port, host } = new URL(target);
  const files = { cert: readFileSync(certificate), key: readFileSync(key) };
  const mutual = clients ? { ca: readFileSync(clients), requestCert: true } : {};
  const server = createServer({ ...files, ...mutual }, (asked, answer) => {
    const { method, url: path, headers } = asked;
    const onward = plainRequest(
      { hostname, port, method, path, headers: { ...headers, host } },
      (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(answer);
      },
    );
    onward.on("error", () => answer.writeHead(502).end());
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
