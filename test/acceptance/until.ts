import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again every second until the answer is true, and says after how many seconds it was.
 *
 * @param what is waited for, as a sentence for the error
 * @throws Error when it does not come true in time; an answer that throws counts as false
 */
export async function until(
  what: string,
  seconds: number,
  condition: () => Promise<boolean>,
): Promise<number> {
  const start = Date.now();
  for (let last: unknown; ; ) {
    try {
      if (await condition()) return (Date.now() - start) / 1000;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() - start > seconds * 1000)
      throw new Error(`waited ${seconds} s in vain: ${what}`, { cause: last });
    await sleep(1000);
  }
}
