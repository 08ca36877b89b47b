/**
 * A config for sweeps alone, as homelab.config.ts has it: there is a Nomad, and neither an MLflow nor a registry.
 *
 * @param nomad URL of its API
 */
export function sweepConfig(nomad: string): string {
  return `import { defineHomelab } from "homelab-mlflow";
export default defineHomelab({
  hostname: "mlflow.lan",
  url: "http://127.0.0.1:9",
  nomad: { address: "${nomad}" },
  registry: { address: "127.0.0.1:9", scheme: "http" },
  volumes: {
    backendStore: { source: { directory: "/srv/backend" } },
    artifacts: { source: { directory: "/srv/artifacts" } },
  },
  clients: [{ name: "m700" }],
});
`;
}
