/** A container that runs beside a sweep's tasks, once for all of them. */
export interface Sidecar {
  /** Its task in the job. */
  readonly name: string;
  readonly image: string;
  /** In place of the image's own. @default the image's */
  readonly entrypoint?: readonly string[];
  /** Words; the image's own where there are none. */
  readonly command: readonly string[];
  /** Ports that it listens on. Tasks reach them by http://sweep-tracker:PORT. */
  readonly ports: readonly number[];
  readonly env: Readonly<Record<string, string>>;
  /** Names of the file stores that it has at /scratch/filestores. */
  readonly filestores: readonly string[];
  /** MHz. */
  readonly cpu: number;
  /** MiB. */
  readonly memory: number;
}

/** MHz. */
export const SIDECAR_CPU = 500;
/** MiB: `mlflow server` as it is takes 2.1 GiB, with its four workers. */
export const SIDECAR_MEMORY = 2560;

/** Tasks of ours beside the sidecars: no sidecar has one of these names. */
export const READY_TASK = "ready";
export const WATCH_TASK = "watch";
