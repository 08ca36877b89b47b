/** What went wrong with a connection, in a few words. */
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
    ENOENT: `no such file${path ? `: ${path}` : ""}`,
    EACCES: "permission denied",
    ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS: http, not https?",
    DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is from an unknown authority",
  };
  return known[code] ?? firstLine(error.message);
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? "no reason given"
  );
}
