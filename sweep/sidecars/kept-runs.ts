/** The runs of an MLflow that was a sidecar, when it has ended. */

/**
 * How somebody looks at them, as the end of a line.
 *
 * @param stores file stores that the sidecar had; undefined where nobody knows
 */
export function howToOpen(sweep: string, stores: readonly string[] | undefined): string {
  if (stores?.length === 0) return "it had no file store to keep its runs in";
  const [store, ...others] = stores ?? [];
  if (store && others.length === 0) return `${commands(sweep, store)} opens what it kept there`;
  return `${commands(sweep, "STORE")} opens what it kept in a file store; npx homelab files list shows the stores`;
}

function commands(sweep: string, store: string): string {
  return `npx homelab files download ${store} --into DIR, then npx homelab sweep open ${sweep} --data DIR`;
}
