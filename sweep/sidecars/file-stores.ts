/** File stores of sidecars: whether there can be any, and how they are mounted. */
import { FILESTORES } from "../files-input.ts";
import type { Sidecar } from "./sidecar.ts";

export interface VolumeMount {
  /** Name of the Nomad host volume. */
  readonly volume: string;
  readonly destination: string;
}

/** Why there can be none; undefined where there can. */
export function whyNoFileStores(hasVolume: boolean): string | undefined {
  return hasVolume ? undefined : "homelab.config.ts has no volumes.files to keep them on";
}

/** Names of those to be made for sidecars, which have no script of ours that would make them. */
export function storesOf(sidecars: readonly Sidecar[]): string[] {
  const names = new Set(sidecars.flatMap(({ filestores }) => filestores));
  return [...names].filter((name) => !sidecars.some((each) => isFolderOfMlflow(each, name)));
}

/** MLflow makes its first experiment only in a folder that it makes itself. */
function isFolderOfMlflow({ command }: Sidecar, store: string): boolean {
  const option = "--backend-store-uri";
  const place = `${FILESTORES}/${store}`;
  const uris = command.flatMap((word, index) =>
    word === option ? (command[index + 1] ?? []) : word.split(`${option}=`).slice(1),
  );
  return uris.some((uri) => uri.replace(/^file:\/\//, "").replace(/\/$/, "") === place);
}

/** @param volume that the stores are on; undefined where there is none */
export function storeMounts(sidecar: Sidecar, volume: string | undefined): VolumeMount[] {
  if (!volume || sidecar.filestores.length === 0) return [];
  return [{ volume, destination: FILESTORES }];
}
