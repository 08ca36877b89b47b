import type { AllocationStatus, JobStatus } from "./gather.ts";

/** What `homelab status` shows, and prints as JSON. */
export interface DeploymentStatus {
  readonly job: JobStatus;
  /** MLflow's version in image/. */
  readonly mlflowVersion: string;
  readonly urls: readonly string[];
  /** Nomad's API. */
  readonly nomad: string;
  readonly image: {
    /** What version.txt says. */
    readonly version: string;
    /** Whether the running image is the one pushed with that version; missing where nobody knows. */
    readonly isDeployed?: boolean;
    /** In words, where it is not. */
    readonly note: string;
  };
  /** What is kept where, by the volumes' purposes. */
  readonly volumes: Readonly<Record<string, string>>;
}

const LABEL_WIDTH = 13;

/** One screen of 80 columns, but for what the config itself makes longer. */
export function render(status: DeploymentStatus, now = Date.now()): string[] {
  const { job, image, urls, volumes, nomad } = status;
  const digest = job.image?.replace(/@sha256:([0-9a-f]{12}).*$/, "@sha256:$1");
  return [
    headline(status),
    "",
    ...rows("URL", urls),
    ...rows("job", [`${job.name}: ${jobLine(job)}`, `in Nomad at ${nomad}`]),
    ...job.allocations.flatMap((each) => allocationRows(each, now, of(job, each))),
    ...(digest ? rows("image", [digest]) : []),
    ...rows("version", [image.note ? `v${image.version}: ${image.note}` : `v${image.version}`]),
    ...Object.entries(volumes).flatMap(([purpose, place]) => rows(purpose, [place])),
  ];
}

function headline({ job, mlflowVersion }: DeploymentStatus): string {
  if (job.healthy) return `MLflow ${mlflowVersion} runs and is healthy.`;
  if (job.status === "absent") return "MLflow is not deployed; make deploy brings it up.";
  if (job.status === "dead") return "MLflow is stopped; make deploy brings it up.";
  return "MLflow is not healthy.";
}

function jobLine({ status, version }: JobStatus): string {
  if (status === "absent") return "Nomad has no such job";
  return `${status === "dead" ? "stopped" : status}, version ${version}`;
}

/** Which group it is of, where there are several. */
function of({ allocations }: JobStatus, { group }: AllocationStatus): string {
  return allocations.some((each) => each.group !== group) ? ` (${group})` : "";
}

function allocationRows(allocation: AllocationStatus, now: number, of: string): string[] {
  const { id, client, status, healthy, address, memory, lastEvent } = allocation;
  const health = status !== "running" ? status : healthy ? "healthy" : "running, not healthy";
  return [
    ...rows("allocation", [
      `${id.slice(0, 8)}${of} on ${client}: ${health}${upFor(allocation, now)}`,
      ...startedAgain(allocation),
      ...(address && status === "running" ? [`at ${address}`] : []),
      ...(lastEvent ? wrapped(lastEvent) : []),
    ]),
    ...(status === "running" ? rows("memory", memoryLines(memory)) : []),
  ];
}

function memoryLines({ used, limit }: AllocationStatus["memory"]): string[] {
  if (used !== undefined)
    return [`${used} of ${limit} MiB (${Math.round((100 * used) / limit)} %)`];
  return [
    `limit ${limit} MiB; the Nomad client measures it with`,
    "telemetry { publish_allocation_metrics = true }",
  ];
}

function upFor({ status, startedAt }: AllocationStatus, now: number): string {
  if (status !== "running" || !startedAt) return "";
  return `, up for ${duration(now - Date.parse(startedAt))}`;
}

function startedAgain({ restarts }: AllocationStatus): string[] {
  if (restarts === 0) return [];
  return [`started again ${restarts === 1 ? "once" : `${restarts} times`}`];
}

/** Rounded down, in the largest unit that fits. */
function duration(milliseconds: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
  ] as const;
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [unit, size] = units.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

function rows(label: string, texts: readonly string[]): string[] {
  return texts.map((text, index) => `  ${(index === 0 ? label : "").padEnd(LABEL_WIDTH)}${text}`);
}

/** Between words, to what is left of 80 columns. */
function wrapped(text: string): string[] {
  const width = 80 - LABEL_WIDTH - 2;
  const lines = text.match(new RegExp(`\\S.{0,${width - 2}}\\S(?=\\s|$)|\\S+`, "g"));
  return lines ?? [text];
}
