import { join, resolve } from "node:path";
import { type LabSettings, labSettings, REPOSITORY } from "../../lab/settings.ts";

const DEFAULT_BASE_PORT = "64600";

export const MACHINE_NAMES = ["nas", "client1", "client2"] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

/** Addresses in the network that the machines share; root/ has them too. */
export const LAN: Readonly<Record<MachineName, string>> = {
  nas: "10.77.0.1",
  client1: "10.77.0.2",
  client2: "10.77.0.3",
};

/** Where the virtual machines live, and by which ports of the host's loopback they are reached. */
export interface MachineSettings {
  /** The settings of a lab beside them: its cache is theirs, and its ports are not taken by them. */
  readonly lab: LabSettings;
  /** Disks, logs and keys of running machines. From HOMELAB_MACHINES, by default `.lab-machines`. */
  readonly dir: string;
  /** The root disk, built once for each content. */
  readonly cacheDir: string;
  /** Sockets: their paths may have 107 bytes. */
  readonly runDir: string;
  readonly ports: {
    readonly ssh: Readonly<Record<MachineName, number>>;
    /** HTTP API of the Nomad server, which is an agent of client1. */
    readonly nomad: number;
    /** Port 5000 of each client, where its MLflow answers. */
    readonly mlflow: Readonly<Record<"client1" | "client2", number>>;
    /** Port 80 of the NAS, where Traefik listens. */
    readonly http: number;
    /** UDP, the network between the machines. */
    readonly lan: number;
    /** Port of the registry on the host; the clients reach it by the same localhost:PORT. */
    readonly registry: number;
  };
}

/** From the environment: HOMELAB_MACHINES, and HOMELAB_LAB_PORT for the first port (64600). */
export function machineSettings(env: NodeJS.ProcessEnv = process.env): MachineSettings {
  const lab = labSettings({ ...env, HOMELAB_LAB_PORT: env.HOMELAB_LAB_PORT ?? DEFAULT_BASE_PORT });
  const port = lab.basePort;
  return {
    lab,
    dir: resolve(env.HOMELAB_MACHINES || join(REPOSITORY, ".lab-machines")),
    cacheDir: join(lab.cacheDir, "machines"),
    runDir: `${lab.runDir}-machines`,
    ports: {
      ssh: { nas: port, client1: port + 1, client2: port + 2 },
      nomad: port + 10,
      mlflow: { client1: port + 21, client2: port + 22 },
      http: port + 20,
      lan: port + 30,
      registry: lab.ports.registry,
    },
  };
}
