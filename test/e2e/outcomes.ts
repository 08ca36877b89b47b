/** How a deploy ends, as tests of the stores and of what clients connect by expect it. */
import { expect } from "vitest";
import type { Checkout } from "../checkout.ts";
import { runningIds } from "../deployed.ts";

/** Deploys a change, which has to end with an MLflow that is up: back comes what a user reads. */
export async function expectDeployed(checkout: Checkout): Promise<string> {
  const { output, exitCode } = await checkout.make("deploy");
  expect(exitCode, output).toBe(0);
  expect(output).toContain("MLflow is up, and was checked from outside.");
  return output;
}

/** Deploys, which has to fail with these words and leave the servers as they were: back comes what a user reads. */
export async function expectRefusal(checkout: Checkout, ...words: string[]): Promise<string> {
  const before = await runningIds();
  const { output, exitCode } = await checkout.make("deploy");
  for (const each of words) expect(output).toContain(each);
  expect(exitCode).not.toBe(0);
  // No stack.
  expect(output).not.toMatch(/^\s+at /m);
  expect(await runningIds()).toEqual(before);
  return output;
}
