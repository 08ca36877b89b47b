import { createInterface } from "node:readline";
import { request } from "undici";
import type { NomadAllocation } from "../../nomad/types.ts";

/** What a task runs that is seen running: a client tells the server once a second of what has only started. */
export const LONGER_THAN_A_LOOK = "sleep 1.5";

type Seen = Pick<NomadAllocation, "ID" | "ClientStatus"> & { readonly JobID: string };

/** A line of the stream: https://developer.hashicorp.com/nomad/api-docs/events */
interface Line {
  readonly Events?: readonly { readonly Payload: { readonly Allocation: Seen } }[];
}

/** What Nomad's event stream tells of a job's allocations while it is followed. */
export interface AllocationEvents {
  /** State by id, as last told. */
  readonly states: ReadonlyMap<string, string>;
  /** How many were running after each event. */
  readonly running: readonly number[];
  end(): void;
}

/** Follows the stream, from now on. */
export async function followAllocations(address: string, job: string): Promise<AllocationEvents> {
  const url = `${address}/v1/event/stream?topic=Allocation`;
  const { body } = await request(url, { bodyTimeout: 0 });
  const states = new Map<string, string>();
  const running: number[] = [];
  const lines = createInterface({ input: body });
  // It is left in the midst of an answer.
  lines.on("error", () => {});
  lines.on("line", (line) => {
    const { Events = [] } = JSON.parse(line) as Line;
    const own = Events.map(({ Payload }) => Payload.Allocation).filter(
      ({ JobID }) => JobID === job,
    );
    for (const { ID, ClientStatus } of own) states.set(ID, ClientStatus);
    if (own.length > 0)
      running.push([...states.values()].filter((state) => state === "running").length);
  });
  return {
    states,
    running,
    end: () => void body.destroy(),
  };
}
