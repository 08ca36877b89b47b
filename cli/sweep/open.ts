import { clientUrl } from "../../config/client-url.ts";
import { UserError } from "../../config/errors.ts";
import { loadConfig } from "../../config/load.ts";
import { sweepPage } from "../../sweep/page.ts";
import { runsOf } from "../../sweep/runs.ts";
import { BAD_INPUT, failWith } from "../exit-code.ts";

export interface OpenOptions {
  readonly print?: boolean;
}

/** Opens MLflow's UI at a sweep's runs. Nomad is not asked: it forgets a sweep before MLflow does. */
export async function open(name: string, { print = false }: OpenOptions): Promise<void> {
  const { config } = await failWith(BAD_INPUT, () => loadConfig());
  const url = clientUrl(config);
  const runs = await runsOf(url, name);
  if (runs.size === 0)
    throw new UserError(
      [
        `${name}: found no run of it in MLflow at ${url}; npx homelab sweep status ${name} tells of its tasks, npx homelab doctor of MLflow`,
      ],
      BAD_INPUT,
    );
  const page = sweepPage(url, name, runs.values());
  console.log(page);
  if (print || !process.stdout.isTTY) return;
  const { default: openInBrowser } = await import("open");
  await openInBrowser(page);
}
