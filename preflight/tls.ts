import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { clientUrl } from "../config/client-url.ts";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { readSecret } from "../secrets/read.ts";

const CERTIFICATE = "server.tls.certificate";

/**
 * Would clients take the server's certificate, and is the key its own? Whether they know its authority
 * is theirs to say. A key that is missing is told with the other secrets.
 */
export async function probeTls(config: HomelabConfig): Promise<string[]> {
  const { tls } = config.server;
  if (!tls) return [];
  let certificate: X509Certificate;
  try {
    // The first of a file with several is the server's.
    certificate = new X509Certificate(readFileSync(tls.certificate));
  } catch (error) {
    return [
      `${CERTIFICATE}: found ${tls.certificate}, which can't be read as one (${reason(error)}); expected a PEM file`,
    ];
  }
  const key = readSecret(tls.key);
  return [
    ...certificateProblems(certificate, new URL(clientUrl(config)).hostname),
    ...(key ? keyProblems(certificate, key) : []),
  ];
}

/** @param name that clients connect to; in brackets where it is an address of IPv6 */
function certificateProblems(certificate: X509Certificate, name: string): string[] {
  const { validFrom, validTo, subjectAltName = "no name" } = certificate;
  const now = Date.now();
  const problems: string[] = [];
  if (Date.parse(validTo) < now)
    problems.push(`${CERTIFICATE}: found one that ended ${validTo}; renew it`);
  if (Date.parse(validFrom) > now)
    problems.push(`${CERTIFICATE}: found one that begins ${validFrom}; is the clock here right?`);
  const address = name.replace(/^\[|\]$/g, "");
  const named = isIP(address) ? certificate.checkIP(address) : certificate.checkHost(name);
  if (!named)
    problems.push(
      `${CERTIFICATE}: found one for ${subjectAltName}; expected one for ${name}, which clients connect to`,
    );
  return problems;
}

function keyProblems(certificate: X509Certificate, pem: string): string[] {
  try {
    if (certificate.checkPrivateKey(createPrivateKey(pem))) return [];
  } catch {
    // The words of the parser are about its own workings.
    return ["server.tls.key: found no private key; expected one in PEM, without a passphrase"];
  }
  return [`server.tls.key: found the key of another certificate than ${CERTIFICATE}'s`];
}
