/** The directives of the tool that COILED headers were written for, as ours. */

/** What a directive means here. */
export interface Meaning {
  /** Ours; undefined where it is left out. */
  readonly key?: string;
  readonly value: string;
  /** What is otherwise here. */
  readonly notice?: string;
}

/** Other spellings of ours that it takes. */
export const ALIASES: Readonly<Record<string, string>> = {
  "n-tasks": "ntasks",
  n: "max-workers",
  e: "env",
  "max-retries": "retries",
  "scheduler-sidecar-spec": "sidecar-spec",
};

/** About machines and accounts in a cloud: they mean nothing here. */
const CLOUD_ONLY = [
  ...["region", "vm-type", "scheduler-vm-type", "arm", "disk-size", "spot-policy", "software"],
  ...["workspace", "account", "allow-cross-zone", "no-cross-zone", "allow-ssh-from", "tag", "t"],
  ...["host-setup-script", "forward-aws-credentials", "forward-gcp-credentials"],
  ...["package-sync-strict", "package-sync-conda-extras", "package-sync-ignore"],
  ...["task-on-scheduler", "no-task-on-scheduler", "scheduler-task-array", "dask-container"],
  ...["wait-for-ready-cluster", "assign-public-ip", "ignore-container-entrypoint"],
];

/** What is otherwise here than there. */
const MEANINGS: ReadonlyMap<string, (value: string) => Meaning> = new Map([
  ["job-timeout", (value) => ({ key: "timeout", value, notice: "is of each task here" })],
  [
    "run-on-host",
    (value) => (value === "false" ? { value } : { key: "driver", value: "raw_exec" }),
  ],
  ["pipe-to-files", (value) => (value === "false" ? { value } : { key: "outputs", value: "true" })],
  [
    "no-implicit-file-upload",
    (value) => ({ value, notice: "is left out: no file but the script goes along unasked" }),
  ],
  [
    "input-filestore",
    (value) => ({
      key: "filestore",
      value,
      notice: `is at /scratch/filestores/${value} here, not in the working folder`,
    }),
  ],
  [
    "output-filestore",
    (value) => ({
      key: "filestore",
      value,
      notice: `is at /scratch/filestores/${value} here; what tasks leave in their working folder is kept with the sweep`,
    }),
  ],
  [
    "secret-env",
    (value) => {
      // Ours has no value; one in a script, which is part of the job, is known to all who may read that.
      if (!/^\w+=(?!@)/.test(value)) return { key: "secret-env", value };
      return { key: "env", value, notice: "is no secret, as its value is in the script" };
    },
  ],
]);

/** Names that only it has. */
export const COILED_NAMES = [...CLOUD_ONLY, ...MEANINGS.keys()].filter((name) => name.length > 1);

/**
 * What a directive of its means.
 *
 * @param written as it is in the header: there, case and underscores do not count, nor quotes around a value
 */
export function fromCoiled(written: string, text: string): Meaning {
  const name = written.toLowerCase().replaceAll("_", "-");
  const value = text.replace(/^"(.*)"$/, "$1");
  if (CLOUD_ONLY.includes(name))
    return { value, notice: "is about machines in a cloud, and left out" };
  return MEANINGS.get(name)?.(value) ?? { key: ALIASES[name] ?? name, value };
}
