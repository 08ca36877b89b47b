/**
 * Key in the job's meta of the kinds of its stores, so that a deploy with another kind is noticed. A
 * job without it was deployed when there were SQLite and volumes alone.
 */
export const STORAGE_META = "homelab_mlflow_storage";

/** The kinds of a job's stores. */
export interface StorageKinds {
  /** Such as "sqlite". */
  readonly backendStore: string;
  /** "backendStore", where the models are with the runs, or such as "postgresql". */
  readonly registryStore: string;
  /** "volume", or the URL of a bucket and prefix. */
  readonly artifacts: string;
}

/** As it stands in the meta. */
export function writeKinds({ backendStore, registryStore, artifacts }: StorageKinds): string {
  // What goes without saying is left out: a server is not restarted to hear it.
  const apart = registryStore === "backendStore" ? "" : ` registryStore=${registryStore}`;
  return `backendStore=${backendStore}${apart} artifacts=${artifacts}`;
}

/** From the meta of a job that was deployed from here. */
export function readKinds(text: string | undefined): StorageKinds {
  const kinds = new Map(
    (text ?? "").split(" ").map((each): [string, string] => {
      const at = each.indexOf("=");
      return [each.slice(0, at), each.slice(at + 1)];
    }),
  );
  return {
    backendStore: kinds.get("backendStore") ?? "sqlite",
    registryStore: kinds.get("registryStore") ?? "backendStore",
    artifacts: kinds.get("artifacts") ?? "volume",
  };
}
