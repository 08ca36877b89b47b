import { request } from "node:http";

/** The status of a GET over a unix socket. Rejects when nothing answers there. */
export function getOverSocket(socketPath: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on("timeout", () => call.destroy(new Error("no answer in 5 s")));
    call.on("error", reject);
    call.end();
  });
}

/** Why a server is taken for absent: no status at all, be it good or bad. Undefined when it is there. */
export async function whySilent(url: string, seconds = 5): Promise<string | undefined> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(seconds * 1000) });
    return undefined;
  } catch {
    return `${url} does not answer`;
  }
}

/** The JSON at a URL; nothing when it does not answer, or not with 200. */
export async function getJson(url: string, seconds = 5): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(seconds * 1000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
