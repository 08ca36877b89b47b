import { get } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MS = 50;
const TIMEOUT_MS = 1000;
/** For an answer after the work is done. */
const PATIENCE_MS = 60_000;

/**
 * Asks a URL every 50 ms, over a new connection each time, while something is done.
 *
 * @returns the seconds without an answer: of each stretch between two good answers with a bad one
 *   or none in between, its whole length
 */
export async function secondsUnanswered(
  url: string,
  work: () => Promise<unknown>,
): Promise<number> {
  let working = true;
  const polled = (async () => {
    let unanswered = 0;
    let lastGood = performance.now();
    let missing = false;
    let deadline = Number.POSITIVE_INFINITY;
    while (working || missing) {
      const asked = performance.now();
      if (await answers(url)) {
        if (missing) unanswered += asked - lastGood;
        lastGood = asked;
        missing = false;
      } else missing = true;
      if (working) deadline = asked + PATIENCE_MS;
      if (missing && asked > deadline) throw new Error(`${url} does not answer any more`);
      await sleep(Math.max(0, EVERY_MS - (performance.now() - asked)));
    }
    return unanswered / 1000;
  })();
  // It is waited for below; a failure of the work is told first.
  polled.catch(() => {});
  try {
    await work();
  } finally {
    working = false;
  }
  return polled;
}

export function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
  });
}
