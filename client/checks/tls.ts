import { isIP } from "node:net";
import { connect, type PeerCertificate } from "node:tls";
import { reason } from "../../config/reason.ts";
import { CONNECT_MS, tlsOptions } from "../connection.ts";
import { type Finding, ok, wrong } from "../finding.ts";
import type { ClientSettings } from "../settings.ts";
import { portOf } from "./tcp.ts";

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is told of: Let's Encrypt's are renewed 30 days before. */
const SOON_DAYS = 14;

/** What Traefik makes itself at each start, and nobody can believe. */
const TRAEFIKS_OWN = "TRAEFIK DEFAULT CERT";

interface Handshake {
  readonly certificate: PeerCertificate;
  /** Code of what is wrong with it; none where the client believes it. */
  readonly refused?: string;
}

/** Is the certificate for this name, in time, and from an authority that the client believes? */
export async function checkTls(url: URL, settings: ClientSettings): Promise<Finding> {
  if (url.protocol !== "https:") return ok("not used, as the URL is http");
  let found: Handshake;
  try {
    found = await handshake(url, settings);
  } catch (error) {
    return wrong(
      `${url.host}: ${reason(error)}`,
      "does this port speak https (traefik.tls, and a secure entry point)? does it want a client certificate (MLFLOW_TRACKING_CLIENT_CERT_PATH)?",
    );
  }
  const { certificate } = found;
  if (settings.verify === false) return ok("the certificate is not verified, as the variables say");
  const name = url.hostname.replace(/^\[|\]$/g, "");
  if (found.refused) return refusal(name, found.refused, certificate, settings);
  // Node.js would look at the subject's common name; Python does not, since 3.7.
  if (!certificate.subjectaltname)
    return wrong(
      `${name}: its certificate has no subjectAltName, and Python knows no other name`,
      "make one with the name as a subjectAltName",
    );
  const days = Math.floor((Date.parse(certificate.valid_to) - Date.now()) / DAY_MS);
  const by = `of ${issuer(certificate)}, for ${days} more ${days === 1 ? "day" : "days"}`;
  const renew = days < SOON_DAYS ? "; renew it" : "";
  return ok(`a certificate for ${name} ${by}${renew}`);
}

function handshake(url: URL, settings: ClientSettings): Promise<Handshake> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: portOf(url),
      ...(isIP(host) ? {} : { servername: host }),
      ALPNProtocols: ["http/1.1"],
      ...tlsOptions(settings),
      timeout: CONNECT_MS,
      // Looked at here, so that all that is known of it can be told.
      rejectUnauthorized: false,
    });
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      const refused = socket.authorized ? undefined : String(socket.authorizationError);
      socket.destroy();
      resolve({ certificate, refused });
    });
    socket.once("timeout", () => socket.destroy(new Error("it does not answer in TLS")));
    socket.once("error", reject);
  });
}

function refusal(
  name: string,
  code: string,
  certificate: PeerCertificate,
  { verify }: ClientSettings,
): Finding {
  const cure = `let it have one for ${name} (traefik.certResolver, or Traefik's tls.certificates)`;
  if (certificate.issuer?.CN === TRAEFIKS_OWN)
    return wrong(`${name}: Traefik has no certificate for it and shows one of its own`, cure);
  const names = certificate.subjectaltname ?? `${certificate.subject.CN} and no subjectAltName`;
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return wrong(
        `${name}: its certificate is for another name: ${names}`,
        `${cure}, or use a name it is for`,
      );
    case "CERT_HAS_EXPIRED":
      return wrong(`${name}: its certificate expired on ${certificate.valid_to}`, "renew it");
    case "CERT_NOT_YET_VALID":
      return wrong(
        `${name}: its certificate is valid from ${certificate.valid_from} on`,
        "is this machine's clock right?",
      );
    default:
      return wrong(
        `${name}: its certificate is of ${issuer(certificate)}, which ${believed(verify)} ${typeof verify === "string" ? "does not hold" : "does not know"} (${code})`,
        "set MLFLOW_TRACKING_SERVER_CERT_PATH to a PEM file with the certificate of that authority",
      );
  }
}

function issuer({ issuer }: PeerCertificate): string {
  return `"${[issuer?.CN, issuer?.O].flat().find((each) => each) ?? "an authority without a name"}"`;
}

function believed(verify: ClientSettings["verify"]): string {
  return typeof verify === "string" ? verify : "the client (Mozilla's list)";
}
