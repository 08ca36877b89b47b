/** What went wrong with a connection or a file, in a few words. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const path = (error as NodeJS.ErrnoException).path;
  const known: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection reset",
    ENOTFOUND: "the name does not resolve",
    EAI_AGAIN: "the name does not resolve",
    EHOSTUNREACH: "no route to the host",
    ENETUNREACH: "no route to the network",
    ETIMEDOUT: "no answer in time",
    UND_ERR_CONNECT_TIMEOUT: "no answer in 5 s",
    UND_ERR_HEADERS_TIMEOUT: "connected, but no answer in time",
    UND_ERR_SOCKET: "it closes the connection (http or https?)",
    ENOENT: `no such file${path ? `: ${path}` : ""}`,
    EACCES: "permission denied",
    EISDIR: "a directory, not a file",
    ERR_INVALID_URL: "no URL such as http://HOST:PORT",
    ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS: http, not https?",
    ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
    CERT_HAS_EXPIRED: "its certificate has expired",
    DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
    SELF_SIGNED_CERT_IN_CHAIN: "its certificate is from an unknown authority",
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is from an unknown authority",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is from an unknown authority",
  };
  if (error.name === "HTTPParserError") return "it does not speak HTTP";
  if (code.startsWith("ERR_OSSL_PEM_")) return "a certificate or key file is not PEM";
  return known[code] ?? firstLine(error.message);
}

/** The first line of what somebody said, cut where it is long. */
export function firstLine(text: string): string {
  const line = text.split("\n").find((each) => each.trim() !== "");
  const said = line?.trim() ?? "no reason given";
  if (said.startsWith("<")) return "a web page";
  return said.length > 300 ? `${said.slice(0, 297)}...` : said;
}
