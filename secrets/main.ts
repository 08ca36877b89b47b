/** What runs inside a deploy, or a destroy, for the secrets: HOMELAB_SECRETS_DO says which. */
import { exitOnUserError } from "../config/errors.ts";
import type { SecretsSpec } from "./spec.ts";
import { removeSecrets, writeSecrets } from "./variable.ts";

await exitOnUserError(async () => {
  const spec = JSON.parse(process.env.HOMELAB_SECRETS ?? "") as SecretsSpec;
  if (process.env.HOMELAB_SECRETS_DO === "remove") return removeSecrets(spec);
  await writeSecrets(spec, process.env.HOMELAB_GENERATION ?? "");
});
