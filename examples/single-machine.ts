/**
 * One machine that runs Nomad, Docker and a registry and is deployed from: no ssh, no proxy, and
 * MLflow at a fixed port. HOMELAB_CONFIG=examples/single-machine.ts npx cdktf deploy mlflow
 */
import { defineHomelab } from "homelab-mlflow";

export default defineHomelab({
  hostname: "server.lan",
  url: "http://server.lan:5000",
  registry: { address: "localhost:5001", scheme: "http" },
  volumes: {
    backendStore: { source: { directory: "/srv/mlflow/backend-store" } },
    artifacts: { source: { directory: "/srv/mlflow/artifacts" } },
  },
  clients: [{ name: "localhost", connection: "local" }],
  job: { port: 5000 },
  traefik: { enable: false },
});
