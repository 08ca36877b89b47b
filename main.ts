/** The cdktf app: homelab.config.ts in, the stack "mlflow" out. */
import { App } from "cdktf";
import { exitOnUserError } from "./config/errors.ts";
import { loadConfig, ROOT } from "./config/load.ts";
import { preflight } from "./preflight/preflight.ts";
import { generationNow } from "./preflight/secrets.ts";
import { MlflowStack } from "./stacks/mlflow-stack.ts";
import { databaseSecretsSpec, secretsSpecs } from "./stacks/secrets-spec.ts";

await exitOnUserError(async () => {
  const { config, version } = await loadConfig();
  await preflight(config);
  const secretsGeneration = await generationNow(secretsSpecs(config));
  const database = databaseSecretsSpec(config);
  const databaseGeneration = await generationNow(database ? [database] : []);
  // cdktf would run `terraform version` for each synth; Terraform checks its version by itself.
  const app = new App({ skipValidation: true });
  new MlflowStack(app, "mlflow", {
    config,
    version,
    root: ROOT,
    secretsGeneration,
    databaseGeneration,
  });
  app.synth();
});
