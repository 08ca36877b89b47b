import type { NomadAllocationDetail } from "./types.ts";

/** Where an allocation's server listens, as a URL; undefined where it has no such port. */
export function addressOf(allocation: NomadAllocationDetail): string | undefined {
  const { Ports } = allocation.AllocatedResources.Shared;
  const port = Ports?.find(({ Label }) => Label === "mlflow_http");
  if (!port) return undefined;
  const host = port.HostIP.includes(":") ? `[${port.HostIP}]` : port.HostIP;
  return `http://${host}:${port.Value}`;
}
