import { clientUrl } from "../../config/client-url.ts";
import { UserError } from "../../config/errors.ts";
import type { NomadJob } from "../../nomad/types.ts";
import { trackerOfJob, trackerStoresOfJob } from "../../sweep/gather.ts";
import { sweepPage } from "../../sweep/page.ts";
import { howToOpen } from "../../sweep/sidecars/kept-runs.ts";
import { isOfSweep, SERVICE } from "../../sweep/tracker.ts";
import { BAD_INPUT } from "../exit-code.ts";
import { type Context, contextOf, sweepCommand } from "./context.ts";
import { serveDownloaded } from "./downloaded.ts";
import { keptTracker } from "./kept.ts";
import { trackedRuns } from "./tracked-runs.ts";

export interface OpenOptions {
  readonly print?: boolean;
  readonly namespace?: string;
  /** Folder that a file store was downloaded to. */
  readonly data?: string;
}

/** Opens the UI of the MLflow that a sweep logs to, at its runs. */
export async function open(name: string, options: OpenOptions): Promise<void> {
  const { print = false, namespace, data } = options;
  const show = async (page: string) => {
    console.log(page);
    if (print || !process.stdout.isTTY) return;
    const { default: openInBrowser } = await import("open");
    await openInBrowser(page);
  };
  if (data !== undefined) return serveDownloaded(name, data, show);
  await show(await pageOf(await contextOf(namespace), name));
}

async function pageOf(context: Context, name: string): Promise<string> {
  const { config, nomad } = context;
  // Nomad forgets a sweep before MLflow does, and may be away.
  const job = await nomad.get<NomadJob>(`/job/${encodeURIComponent(name)}`).catch((error) => {
    if (error instanceof UserError) return error;
    throw error;
  });
  const isKnown = job && !(job instanceof UserError);
  let tracker = isKnown ? trackerOfJob(job) : SERVICE;
  let stores = isKnown ? trackerStoresOfJob(job) : undefined;
  let { url, runs, problem } = await trackedRuns(context, { name, tracker });
  if (runs.size === 0 && !job && config.volumes.files) {
    const kept = await keptTracker(context, name);
    tracker = kept?.tracker ?? SERVICE;
    stores = kept?.trackerStores;
    if (tracker !== SERVICE)
      ({ url, runs, problem } = await trackedRuns(context, { name, tracker }));
  }
  if (url && runs.size > 0) return sweepPage(url, name, runs.values());
  if (url && isOfSweep(tracker)) return url;
  const todo = `${sweepCommand(context, `status ${name}`)} tells of its tasks`;
  if (url && problem) {
    const why = tracker === SERVICE ? "npx homelab status tells of it" : todo;
    throw new UserError([`MLflow at ${url}: ${problem}; ${why}`]);
  }
  throw new UserError(
    [
      isOfSweep(tracker)
        ? `${name}: its MLflow is a sidecar that does not run; ${todo}; ${howToOpen(name, stores)}`
        : `${name}: found no run of it in MLflow at ${url ?? clientUrl(config)}; ${todo}, npx homelab doctor of MLflow`,
    ],
    BAD_INPUT,
  );
}
