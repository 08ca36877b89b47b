/**
 * Whether a file of tests is to be left out, as there is no time for it: HOMELAB_TEST_LATEST, in seconds
 * since 1970, is when the last one may start. Prints so. Without the variable there is always time.
 *
 * @param what the file has tests of
 */
export function isLate(what: string): boolean {
  const latest = Number(process.env.HOMELAB_TEST_LATEST);
  if (!latest || Date.now() / 1000 < latest) return false;
  console.log(`skipped: ${what}: too late to start; make test runs it`);
  return true;
}
