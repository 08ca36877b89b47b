/** Whether a text or an error is about a full disk. */
export function tellsOfFullDisk(said: unknown): boolean {
  return /no space left on device|ENOSPC/i.test(String(said));
}

/**
 * What to do about a full disk, on one line.
 *
 * @param said the line that told of it
 */
export function fullDisk(said: string): string {
  // cdktf writes the time and the name of a logger before its own errors.
  const plain = said.replace(/^\[.*\] default - /, "").trim();
  return `a disk is full: ${plain}; free some space (df -h shows where; docker builder prune and docker image prune free Docker's), then run it again; runs and artifacts are untouched`;
}
