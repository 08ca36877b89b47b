/**
 * A config for sweeps alone, as homelab.config.ts has it: there is a Nomad, and no registry.
 *
 * @param nomad URL of its API
 * @param mlflow URL of the MLflow. Default: there is none
 */
export function sweepConfig(nomad: string, mlflow = "http://127.0.0.1:9"): string {
  return `import { defineHomelab } from "homelab-mlflow";
export default defineHomelab({
  hostname: "mlflow.lan",
  url: "${mlflow}",
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
