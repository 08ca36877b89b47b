/**
 * A homelab with a NAS, a Nomad client, Traefik, a registry and a DNS server. Copy it over
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
      source: {
        nfs: {
          server: "nas.lan",
          export: "/tank/mlflow/backend",
          mountPoint: "/opt/nomad/data/mlflow/backend",
        },
      },
    },
    artifacts: {
      name: "mlflow-artifacts",
      source: {
        nfs: {
          server: "nas.lan",
          export: "/tank/mlflow/artifacts",
          mountPoint: "/opt/nomad/data/mlflow/artifacts",
        },
      },
    },
  },
  clients: [{ name: "m700", user: "ansible" }],
  nomadClient: { configDir: "/opt/nomad/nomad.d" },
  // The CNAME record; PIHOLE_PASSWORD has to be set. Leave it out to make the record by hand.
  dns: { provider: "pihole", version: 6, target: "traefik.lan", url: "http://pi.hole" },
});
