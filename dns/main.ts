/** What runs inside a deploy, or a destroy, for the DNS record: HOMELAB_DNS_DO says which. */
import { exitOnUserError } from "../config/errors.ts";
import { makeRecord, removeRecord } from "./record.ts";
import type { DnsSpec } from "./spec.ts";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_DNS ?? "") as DnsSpec;
  if (process.env.HOMELAB_DNS_DO === "remove") {
    for (const line of await removeRecord(spec)) console.error(`warning: ${line}`);
    return;
  }
  await makeRecord(spec);
});
