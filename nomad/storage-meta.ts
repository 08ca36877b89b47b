/**
 * Key in the job's meta of the kinds of its stores, so that a deploy with another kind is noticed. A
 * job without it was deployed when there were SQLite and volumes alone.
 */
export const STORAGE_META = "homelab_mlflow_storage";

/** The kinds of a job's stores. */
export interface StorageKinds {
  /** Such as "sqlite". */
  readonly backendStore: string;
}

/** As it stands in the meta. */
export function writeKinds({ backendStore }: StorageKinds): string {
  return `backendStore=${backendStore}`;
}

/** From the meta of a job that was deployed from here. */
export function readKinds(text: string | undefined): StorageKinds {
  const kinds = new Map(
    (text ?? "").split(" ").map((each) => each.split("=", 2) as [string, string]),
  );
  return { backendStore: kinds.get("backendStore") ?? "sqlite" };
}
