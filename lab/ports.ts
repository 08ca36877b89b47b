import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";

/** Whether something listens on a TCP port of 127.0.0.1, or of all addresses. */
export async function isPortTaken(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(true);
      else reject(error);
    });
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.close(() => resolve(false));
    });
  });
}

export interface PortHolder {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
}

/** Who listens on a TCP port; nothing when it can't be told. */
export function portHolder(port: number): PortHolder | undefined {
  const socket = listeningSocket(port);
  if (socket === undefined) return undefined;
  for (const pid of readdirSync("/proc").filter((entry) => /^[0-9]+$/.test(entry))) {
    try {
      for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) !== `socket:[${socket}]`) continue;
        return { pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, "utf8").trim() };
      }
    } catch {
      // gone meanwhile, or not ours to read
    }
  }
  return undefined;
}

/** The inode of the socket that listens on a port: proc_net_tcp(5). */
function listeningSocket(port: number): string | undefined {
  const LISTEN = "0A";
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let text: string;
    try {
      text = readFileSync(table, "utf8");
    } catch {
      continue;
    }
    for (const line of text.split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === LISTEN && fields[1]?.endsWith(`:${wanted}`)) return fields[9];
    }
  }
  return undefined;
}
