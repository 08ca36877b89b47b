import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { reason } from "../config/reason.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { readSecret } from "../secrets/read.ts";

const CERTIFICATE = "server.tls.certificate";

/**
 * Would clients take the server's certificate, and is the key its own? Whether they know its authority
 * is theirs to say. A key that is missing is told with the other secrets.
 */
export async function probeTls({ server: { tls }, hostname }: HomelabConfig): Promise<string[]> {
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
    ...certificateProblems(certificate, hostname),
    ...(key ? keyProblems(certificate, key) : []),
  ];
}

function certificateProblems(certificate: X509Certificate, hostname: string): string[] {
  const { validFrom, validTo, subjectAltName = "no name" } = certificate;
  const now = Date.now();
  const problems: string[] = [];
  if (Date.parse(validTo) < now)
    problems.push(`${CERTIFICATE}: found one that ended ${validTo}; renew it`);
  if (Date.parse(validFrom) > now)
    problems.push(`${CERTIFICATE}: found one that begins ${validFrom}; is the clock here right?`);
  const named = isIP(hostname) ? certificate.checkIP(hostname) : certificate.checkHost(hostname);
  if (!named)
    problems.push(
      `${CERTIFICATE}: found one for ${subjectAltName}; expected one for hostname, ${hostname}`,
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
