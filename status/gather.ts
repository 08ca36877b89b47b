import { addressOf } from "../nomad/address.ts";
import type { NomadApi } from "../nomad/api.ts";
import { SERVER_GROUP } from "../nomad/groups.ts";
import type {
  NomadAllocation,
  NomadAllocationDetail,
  NomadAllocationStats,
  NomadCheckResult,
  NomadJob,
} from "../nomad/types.ts";

/** What Nomad says of the job. */
export interface JobStatus {
  readonly name: string;
  /** Nomad's word: running, pending or dead; "absent" where there is no such job. */
  readonly status: string;
  readonly version?: number;
  /** The image that the server's task names. */
  readonly image?: string;
  readonly allocations: readonly AllocationStatus[];
  /** Whether all that is wanted runs and is healthy. */
  readonly healthy: boolean;
}

export interface AllocationStatus {
  readonly id: string;
  readonly group: string;
  /** Name of the Nomad client. */
  readonly client: string;
  /** Nomad's word, such as running or failed. */
  readonly status: string;
  readonly healthy: boolean;
  /** Where the server listens, where Nomad gave it a port. */
  readonly address?: string;
  /** When its first task was started, RFC 3339. */
  readonly startedAt?: string;
  /** How often its tasks were started again. */
  readonly restarts: number;
  /** MiB; used is missing where the client does not tell. */
  readonly memory: { readonly used?: number; readonly limit: number };
  /** What happened last, where it is not healthy. */
  readonly lastEvent?: string;
}

const MIB = 2 ** 20;

/** Asks Nomad for a job and what runs of it. */
export async function gather(nomad: NomadApi, name: string): Promise<JobStatus> {
  const path = `/job/${encodeURIComponent(name)}`;
  const job = await nomad.get<NomadJob>(path);
  if (!job) return { name, status: "absent", allocations: [], healthy: false };
  const all = (await nomad.get<NomadAllocation[]>(`${path}/allocations`)) ?? [];
  const shown = job.TaskGroups.flatMap(({ Name, Count }) => newest(all, Name, Count));
  const allocations = await Promise.all(shown.map((each) => gatherAllocation(nomad, each)));
  const tasks = job.TaskGroups.flatMap(({ Tasks }) => Tasks);
  const server = tasks.find(({ Name }) => Name === SERVER_GROUP.task) ?? tasks[0];
  const complete = job.TaskGroups.every(
    ({ Name, Count }) =>
      allocations.filter(({ group, healthy }) => group === Name && healthy).length >= Count,
  );
  return {
    name,
    status: job.Stop ? "dead" : job.Status,
    version: job.Version,
    image: server?.Config.image,
    allocations,
    healthy: job.Status === "running" && !job.Stop && complete,
  };
}

/** What is wanted to run, and where nothing is, the last that did. */
function newest(all: readonly NomadAllocation[], group: string, count: number): NomadAllocation[] {
  const own = all
    .filter(({ TaskGroup }) => TaskGroup === group)
    .sort((a, b) => b.CreateIndex - a.CreateIndex);
  const wanted = own.filter(({ DesiredStatus }) => DesiredStatus === "run");
  return (wanted.length > 0 ? wanted : own.slice(0, 1)).slice(0, Math.max(count, 1));
}

async function gatherAllocation(
  nomad: NomadApi,
  allocation: NomadAllocation,
): Promise<AllocationStatus> {
  const detail = await nomad.get<NomadAllocationDetail>(`/allocation/${allocation.ID}`);
  const states = Object.values(allocation.TaskStates ?? {});
  const running = allocation.ClientStatus === "running";
  const healthy = running && (await isHealthy(nomad, allocation));
  const events = states.flatMap(({ Events }) => Events ?? []);
  const group = detail?.Job.TaskGroups.find(({ Name }) => Name === allocation.TaskGroup);
  const limit = (group?.Tasks ?? []).reduce((sum, { Resources }) => sum + Resources.MemoryMB, 0);
  return {
    id: allocation.ID,
    group: allocation.TaskGroup,
    client: allocation.NodeName,
    status: allocation.ClientStatus,
    healthy,
    address: detail && addressOf(detail),
    startedAt: states.map(({ StartedAt }) => StartedAt).find((each) => each) ?? undefined,
    restarts: states.reduce((sum, { Restarts }) => sum + Restarts, 0),
    memory: { used: running ? await memoryUsed(nomad, allocation) : undefined, limit },
    lastEvent: healthy ? undefined : events.at(-1)?.DisplayMessage.replaceAll("\n", " "),
  };
}

/** Nomad knows the checks of its own services; of Consul's, what the deployment saw is known. */
async function isHealthy(nomad: NomadApi, { ID, DeploymentStatus }: NomadAllocation) {
  type Checks = Record<string, NomadCheckResult>;
  const checks = await nomad.get<Checks>(`/client/allocation/${ID}/checks`);
  const results = Object.values(checks ?? {});
  if (results.length > 0) return results.every(({ Status }) => Status === "success");
  return DeploymentStatus?.Healthy === true;
}

/** MiB that can't be given back: what the kernel kills for, the page cache left out. */
async function memoryUsed(nomad: NomadApi, { ID }: NomadAllocation): Promise<number | undefined> {
  const stats = await nomad.get<NomadAllocationStats>(`/client/allocation/${ID}/stats`);
  const memories = Object.values(stats?.Tasks ?? {}).map((task) => task.ResourceUsage.MemoryStats);
  // Before 1.10.2 a client with cgroups v2 tells only the whole.
  const bytes = memories.reduce((sum, { RSS, Usage }) => sum + (RSS || Usage), 0);
  return bytes > 0 ? Math.round(bytes / MIB) : undefined;
}
