import type { NomadAllocationDetail } from "./types.ts";

/** Where an allocation's server listens, as a URL; undefined where it has no such port. */
export function addressOf(allocation: NomadAllocationDetail): string | undefined {
  const { Ports } = allocation.AllocatedResources.Shared;
  const port = Ports?.find(({ Label }) => Label === "mlflow_http");
  if (!port) return undefined;
  const host = port.HostIP.includes(":") ? `[${port.HostIP}]` : port.HostIP;
  return `${schemeOf(allocation)}://${host}:${port.Value}`;
}

/** As Nomad itself asks for the server's health. */
function schemeOf({ Job, TaskGroup }: NomadAllocationDetail): string {
  const group = Job.TaskGroups.find(({ Name }) => Name === TaskGroup);
  const checks = group?.Services?.flatMap(({ Checks }) => Checks ?? []) ?? [];
  return checks.some(({ Protocol }) => Protocol === "https") ? "https" : "http";
}
