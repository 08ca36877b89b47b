import { describe, expect, it } from "vitest";
import { hasDrifted, type RegistrationRecord } from "../../../lab/registrations.ts";

const job = { JobModifyIndex: 10, Status: "running", Stop: false };
const record: RegistrationRecord = { token: "t", job: { ...job, Status: "pending" } };

describe("a job that the nomad command registered", () => {
  it("is as it was while it starts, runs and is scheduled again", () => {
    expect(hasDrifted(record, job)).toBe(false);
    expect(hasDrifted(record, { ...job, Status: "pending" })).toBe(false);
  });

  it.each([
    ["purged", undefined],
    ["stopped", { ...job, Stop: true }],
    ["dead", { ...job, Status: "dead" }],
    ["registered by hand, or reverted", { ...job, JobModifyIndex: 17 }],
  ])("has to be registered again when it was %s", (_, now) => {
    expect(hasDrifted(record, now)).toBe(true);
  });
});
