/** The fields we read of what Nomad's HTTP API returns. */

/** https://developer.hashicorp.com/nomad/api-docs/jobs#read-job */
export interface NomadJob {
  readonly ID: string;
  readonly Version: number;
  /** Of its registration. */
  readonly JobModifyIndex: number;
  readonly Status: string;
  readonly Stop: boolean;
  /** Whether a deployment to this version was successful. */
  readonly Stable?: boolean;
  readonly Meta: Readonly<Record<string, string>> | null;
  readonly TaskGroups: readonly {
    readonly Name: string;
    /** Allocations that are wanted. */
    readonly Count: number;
    readonly Constraints?: readonly { readonly Operand: string; readonly RTarget: string }[] | null;
    readonly Services?:
      | readonly { readonly Checks: readonly { readonly Protocol: string }[] | null }[]
      | null;
    readonly Tasks: readonly {
      readonly Name: string;
      readonly Config: { readonly image?: string; readonly args?: readonly string[] };
      readonly Resources: { readonly MemoryMB: number };
      readonly Env?: Readonly<Record<string, string>> | null;
      readonly Templates:
        | readonly { readonly DestPath: string; readonly EmbeddedTmpl: string }[]
        | null;
    }[];
  }[];
}

/** https://developer.hashicorp.com/nomad/api-docs/deployments */
export interface NomadDeployment {
  readonly ID: string;
  readonly JobVersion: number;
  readonly Status: string;
  readonly StatusDescription: string;
}

/** https://developer.hashicorp.com/nomad/api-docs/allocations */
export interface NomadAllocation {
  readonly ID: string;
  /** Such as "mlflow.svc[0]", with its place in the group. */
  readonly Name: string;
  readonly TaskGroup: string;
  readonly NodeName: string;
  readonly JobVersion: number;
  readonly CreateIndex: number;
  readonly ClientStatus: string;
  readonly DesiredStatus: string;
  readonly TaskStates: Readonly<Record<string, NomadTaskState>> | null;
  readonly DeploymentStatus: { readonly Healthy: boolean | null } | null;
  /** Of the allocation that took its place; empty where there is none. */
  readonly NextAllocation: string;
  /** What somebody asked of it. */
  readonly DesiredTransition: { readonly ForceReschedule: boolean | null };
}

export interface NomadTaskState {
  readonly State: string;
  readonly Failed: boolean;
  readonly Restarts: number;
  /** RFC 3339; of the running process, or the last one. */
  readonly StartedAt: string | null;
  /** RFC 3339; null while it runs. */
  readonly FinishedAt: string | null;
  readonly Events: readonly NomadTaskEvent[] | null;
}

/** https://developer.hashicorp.com/nomad/api-docs/allocations#events */
export interface NomadTaskEvent {
  readonly Type: string;
  readonly DisplayMessage: string;
  /** Nanoseconds since 1970. */
  readonly Time: number;
  /** Of a Terminated event. */
  readonly ExitCode: number;
  readonly Details: Readonly<Record<string, string>> | null;
}

/** https://developer.hashicorp.com/nomad/api-docs/allocations#read-allocation */
export interface NomadAllocationDetail extends NomadAllocation {
  readonly Job: NomadJob;
  readonly AllocatedResources: {
    readonly Shared: {
      readonly Ports:
        | readonly { readonly Label: string; readonly Value: number; readonly HostIP: string }[]
        | null;
    };
  };
}

/** https://developer.hashicorp.com/nomad/api-docs/client#read-allocation-statistics */
export interface NomadAllocationStats {
  readonly Tasks: Readonly<
    Record<string, { readonly ResourceUsage: { readonly MemoryStats: NomadMemoryStats } }>
  > | null;
}

/** In bytes. */
export interface NomadMemoryStats {
  readonly RSS: number;
  readonly Usage: number;
}

/** https://developer.hashicorp.com/nomad/api-docs/client#read-allocation-checks */
export interface NomadCheckResult {
  readonly Check: string;
  readonly Status: "success" | "failure" | "pending";
  readonly Output: string;
}

/** https://developer.hashicorp.com/nomad/api-docs/evaluations */
export interface NomadEvaluation {
  readonly Status: string;
  readonly CreateIndex: number;
  readonly FailedTGAllocs: Readonly<Record<string, NomadPlacementFailure>> | null;
}

export interface NomadPlacementFailure {
  /** Clients that would do, and have no room. */
  readonly NodesExhausted: number;
  /** More allocations that failed for the same reason. */
  readonly CoalescedFailures: number;
  readonly NodesEvaluated: number;
  readonly ConstraintFiltered: Readonly<Record<string, number>> | null;
  readonly DimensionExhausted: Readonly<Record<string, number>> | null;
}

/** https://developer.hashicorp.com/nomad/api-docs/nodes */
export interface NomadNode {
  readonly Name: string;
  readonly Status: string;
  readonly Datacenter: string;
  /** Nomad 1.6 and later. */
  readonly NodePool?: string;
  /** Where resources are asked for. */
  readonly NodeResources?: NomadNodeResources;
  readonly ReservedResources?: NomadNodeResources;
}

/** MHz and MiB. */
export interface NomadNodeResources {
  readonly Cpu: { readonly CpuShares: number };
  readonly Memory: { readonly MemoryMB: number };
}
