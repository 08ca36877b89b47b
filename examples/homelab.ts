/**
 * A homelab with a Nomad client, Traefik, a registry and a DNS server. Copy it over
 * homelab.config.ts, or name it: HOMELAB_CONFIG=examples/homelab.ts npx cdktf deploy mlflow
 */
import { defineHomelab } from "homelab-mlflow";

export default defineHomelab({
  hostname: "mlflow.lan",
  nomad: { address: "http://m700:4646", region: "global", datacenters: ["DC0"] },
  registry: { address: "registry.lan:5000", scheme: "http" },
  volumes: {
    backendStore: {
      name: "mlflow-backend-store",
      source: { directory: "/opt/nomad/data/mlflow/backend" },
    },
    artifacts: {
      name: "mlflow-artifacts",
      source: { directory: "/opt/nomad/data/mlflow/artifacts" },
    },
  },
  clients: [{ name: "m700", user: "ansible" }],
  nomadClient: { configDir: "/opt/nomad/nomad.d" },
});
