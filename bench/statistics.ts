import { performance } from "node:perf_hooks";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error("a median of nothing");
  return (low + high) / 2;
}

/** The seconds that something took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** 0 to count - 1. */
export function times(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/**
 * Measures two sides in turn. Which one goes first alternates, so that neither always has the
 * machine as the other left it. Ours is the last of all, so that what it left is there afterwards.
 */
export async function inTurn<T>(
  rounds: number,
  ours: (round: number) => Promise<T>,
  theirs: (round: number) => Promise<T>,
): Promise<{ ours: T[]; theirs: T[] }> {
  const result: { ours: T[]; theirs: T[] } = { ours: [], theirs: [] };
  for (const round of times(rounds)) {
    const sides = [
      async () => result.theirs.push(await theirs(round)),
      async () => result.ours.push(await ours(round)),
    ];
    for (const side of (rounds - round) % 2 === 1 ? sides : sides.reverse()) await side();
  }
  return result;
}
