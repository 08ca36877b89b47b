import { describe, expect, it } from "vitest";
import type { NomadApi } from "../../../nomad/api.ts";
import type { NomadJob } from "../../../nomad/types.ts";
import { notDoneBefore, registerRound, roundsOf } from "../../../sweep/rounds.ts";

/** A job after the rounds that were registered, and what Nomad was given last. */
function swept() {
  const TaskGroups = [{ Name: "sweep", Count: 10_000 }];
  let job = { ID: "mine", Version: 0, Meta: {}, TaskGroups } as unknown as NomadJob;
  const nomad = {
    post: async (_: string, { Job }: { Job: NomadJob }) => {
      job = { ...Job, Version: Job.Version + 1 };
    },
  } as unknown as NomadApi;
  const register = (indexes: number[], notDone: number[]) =>
    registerRound(nomad, job, indexes, notDone);
  return { register, job: () => job };
}

/** Every second one of 10,000. */
const sparse = Array.from({ length: 5_000 }, (_, at) => 2 * at);

describe("the rounds of a sweep", () => {
  it("are read from its job as they were registered", async () => {
    const { register, job } = swept();
    await register([0, 1, 2, 5, 7, 8], [3]);
    await register([5], [0, 1, 3]);
    expect(roundsOf(job())).toEqual([
      { version: 1, indexes: [0, 1, 2, 5, 7, 8] },
      { version: 2, indexes: [5] },
    ]);
    expect([...notDoneBefore(job())]).toEqual([0, 1, 3]);
    await register([0, 1, 3], []);
    expect([...notDoneBefore(job())]).toEqual([]);
    expect(job().TaskGroups[0]?.Count).toBe(3);
  });

  it("are refused before there are more than a task's environment takes", async () => {
    const { register, job } = swept();
    const all = Array.from({ length: 10_000 }, (_, at) => at);
    for (let round = 0; round < 50; round++) await register(all, []);
    for (let round = 0; round < 4; round++) await register(sparse, []);
    await expect(register(sparse, [])).rejects.toMatchObject({
      problems: [
        expect.stringMatching(/^mine: found 1\d{5} bytes that say which tasks ran again; /),
      ],
    });
    expect(job().Version).toBe(54);
  });
});
