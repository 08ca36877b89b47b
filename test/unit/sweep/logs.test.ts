import { describe, expect, it } from "vitest";
import { leftToWrite } from "../../../sweep/logs.ts";

describe("the log of a task", () => {
  const left = (...ends: (string | undefined)[]) =>
    leftToWrite(
      ends.map((finishedAt) => ({ finishedAt })),
      Date.parse("2026-11-22T10:00:00Z"),
    );

  it("is complete two seconds after the task's end, as Nomad writes it down later", () => {
    expect(left("2026-11-22T09:59:59.500Z")).toBe(1500);
  });

  it("is not waited for where the task ended long ago, or goes on", () => {
    expect([left("2026-11-22T09:00:00Z"), left(undefined), left()]).toEqual([0, 0, 0]);
  });

  it("is waited for once, of many tasks", () => {
    expect(left("2026-11-22T09:59:58.500Z", "2026-11-22T09:59:59Z", undefined)).toBe(1000);
  });

  it("is not waited for any longer where the client's clock is ahead", () => {
    expect(left("2026-11-22T11:00:00Z")).toBe(2000);
  });
});
