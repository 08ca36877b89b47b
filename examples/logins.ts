/**
 * MLflow's own logins, behind Traefik with TLS: each user has experiments and models of their own, and
 * may read the others'. Password and key are read where you deploy.
 * HOMELAB_CONFIG=examples/logins.ts npx cdktf deploy mlflow
 */
import { defineHomelab } from "homelab-mlflow";

export default defineHomelab({
  hostname: "mlflow.lan",
  registry: { address: "registry.lan:5000", scheme: "http" },
  server: {
    auth: {
      type: "basic",
      admin: { password: { env: "MLFLOW_ADMIN_PASSWORD" } },
      // openssl rand -hex 32 > /etc/homelab/mlflow-key
      secretKey: { file: "/etc/homelab/mlflow-key" },
    },
  },
  traefik: { tls: true, certResolver: "letsencrypt" },
  volumes: {
    backendStore: { source: { directory: "/srv/mlflow/backend-store" } },
    artifacts: { source: { directory: "/srv/mlflow/artifacts" } },
  },
  clients: [{ name: "m700" }],
});
