/** A file server beside the volume, for as long as one command needs it. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLogLines } from "../check/deployment.ts";
import { UserError } from "../config/errors.ts";
import type { HomelabConfig } from "../config/schema.ts";
import { Interrupted } from "../lab/errors.ts";
import type { NomadApi, NomadTarget } from "../nomad/api.ts";
import type {
  NomadAllocation,
  NomadAllocationDetail,
  NomadJob,
  NomadPlacementFailure,
} from "../nomad/types.ts";
import { NO_PLACE, parseJob, whyNoPlace } from "../sweep/register.ts";
import { FileServer } from "./file-server.ts";
import { filesImage } from "./image.ts";
import { filesJob, GROUP, JOB_PREFIX, PORT, TASK, TOKEN_ITEM, variableOf } from "./job.ts";

const POLL_MS = 150;
/** The pull of the image included. */
const START_MS = 300_000;
/** It runs, and so answers at once, unless something is between us and it. */
const ANSWER_MS = 20_000;

export interface Helped {
  readonly config: HomelabConfig;
  readonly nomad: NomadApi;
  readonly target: NomadTarget;
}

/** Of what has no job, after an hour. */
const LEFT_NS = 3_600e9;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Registers the server, lets it be used, and removes it with its token, on Ctrl-C too.
 *
 * @param say tells the user what takes time
 * @throws UserError where it can't be started, with why; Interrupted on Ctrl-C
 */
export async function withFileServer<T>(
  helped: Helped,
  say: (line: string) => void,
  use: (server: FileServer) => Promise<T>,
): Promise<T> {
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  for (const each of SIGNALS) process.on(each, leave);
  const name = JOB_PREFIX + randomBytes(4).toString("hex");
  let isThere = false;
  try {
    await expectPlace(helped, name);
    const image = await filesImage(helped.config, say);
    leaving.signal.throwIfAborted();
    isThere = true;
    const address = await start(helped, name, image, leaving.signal);
    const server = new FileServer(address.url, address.token, leaving.signal);
    try {
      await expectAnswer(server, address, leaving.signal);
      return await use(server);
    } finally {
      await server.close();
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
    throw new Interrupted("interrupted: what is complete stays; run it again to go on from there");
  } finally {
    if (isThere) await remove(helped.nomad, name);
    for (const each of SIGNALS) process.off(each, leave);
  }
}

interface Address {
  readonly url: string;
  readonly token: string;
  /** Name of the Nomad client. */
  readonly node: string;
}

async function start(
  { config, nomad, target }: Helped,
  name: string,
  image: string,
  signal: AbortSignal,
): Promise<Address> {
  const job = await parseJob(nomad, filesJob(name, config, target, image));
  await removeLeftovers(nomad);
  const token = randomBytes(32).toString("hex");
  const path = variableOf(name);
  await nomad.put(`/var/${path}`, { Path: path, Items: { [TOKEN_ITEM]: token } });
  await nomad.post("/jobs", { Job: job });
  for (const end = Date.now() + START_MS; Date.now() < end; ) {
    const [allocation] =
      (await nomad.getPatiently<NomadAllocation[]>(`/job/${name}/allocations`)) ?? [];
    if (allocation && ["failed", "complete", "lost"].includes(allocation.ClientStatus))
      throw await whyNot(nomad, allocation);
    if (allocation?.ClientStatus === "running") {
      const url = await addressOf(nomad, allocation.ID);
      if (url) return { url, token, node: allocation.NodeName };
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new UserError([
    `the file server (job ${name}) did not start in ${START_MS / 1000} s; see the clients of Nomad`,
  ]);
}

/** Of the clients that have the volume, one has to be ready: asked before an image is built. */
async function expectPlace({ config, nomad, target }: Helped, name: string): Promise<void> {
  const job = await parseJob(nomad, filesJob(name, config, target, "none-yet"));
  type Plan = { readonly FailedTGAllocs: Readonly<Record<string, NomadPlacementFailure>> | null };
  const plan = await nomad.post<Plan>(`/job/${name}/plan`, { Job: job, Diff: false });
  const failure = plan.FailedTGAllocs?.[GROUP];
  if (!failure) return;
  throw new UserError(
    whyNoPlace(failure).map((why) => `no Nomad client can run the file server: ${why}`),
    NO_PLACE,
  );
}

async function addressOf(nomad: NomadApi, allocation: string): Promise<string | undefined> {
  const detail = await nomad.getPatiently<NomadAllocationDetail>(`/allocation/${allocation}`);
  const ports = detail?.AllocatedResources.Shared.Ports ?? [];
  const port = ports.find(({ Label }) => Label === PORT);
  if (!port) return undefined;
  const host = port.HostIP.includes(":") ? `[${port.HostIP}]` : port.HostIP;
  return `http://${host}:${port.Value}`;
}

async function whyNot(nomad: NomadApi, allocation: NomadAllocation): Promise<UserError> {
  const where = `the file server on ${allocation.NodeName}`;
  const log = await lastLogLines(nomad, allocation.ID, TASK);
  const found = log.flatMap((line) => /^error: (.*)$/.exec(line)?.[1] ?? []);
  if (found.length > 0) return new UserError(found.map((line) => `${where}: ${line}`));
  const events = Object.values(allocation.TaskStates ?? {}).flatMap((state) => state.Events ?? []);
  const last = events.map((event) => event.DisplayMessage.replaceAll("\n", " ")).slice(-2);
  return new UserError([`${where} did not start: ${[...last, ...log.slice(-3)].join("; ")}`]);
}

async function expectAnswer(
  server: FileServer,
  { url, node }: Address,
  signal: AbortSignal,
): Promise<void> {
  for (const end = Date.now() + ANSWER_MS; Date.now() < end; ) {
    if (await server.isUp()) return;
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new UserError([
    `${url}: the file server runs on ${node}, and does not answer from here; let this machine reach Nomad's dynamic ports there (20000 to 32000 unless its configuration says otherwise)`,
  ]);
}

/** Ends the server and removes its token; a Nomad that is away finds it ended by itself. */
async function remove(nomad: NomadApi, name: string): Promise<void> {
  try {
    await nomad.delete(`/job/${name}`, { purge: "true" });
    await nomad.delete(`/var/${variableOf(name)}`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(
      `the file server ${name} could not be removed, and ends by itself: ${error.message}`,
    );
  }
}

/** Removes the tokens of servers that ended by themselves, where Nomad lets us. */
async function removeLeftovers(nomad: NomadApi): Promise<void> {
  try {
    const prefix = `nomad/jobs/${JOB_PREFIX}`;
    const all = await nomad.get<{ Path: string; ModifyTime: number }[]>("/vars", { prefix });
    for (const { Path, ModifyTime } of all ?? []) {
      const name = Path.split("/")[2] ?? "";
      const job = await nomad.get<NomadJob>(`/job/${name}`);
      // One that is being registered just now has no job yet.
      const isOld = Date.now() * 1e6 - ModifyTime > LEFT_NS;
      if (job ? job.Status === "dead" : isOld) await remove(nomad, name);
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}
