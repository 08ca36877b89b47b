job "mlflow" {
  region      = "global"
  datacenters = ["dc1"]
  node_pool   = "default"
  namespace   = "default"
  type        = "service"
  priority    = 50

  # The mark of the Terraform state this was deployed from: a deploy from another does not replace it.
  # And where the data lies: a server has to start again to find it elsewhere.
  meta {
    homelab_mlflow_owner = "the-owner"
    homelab_mlflow_data  = "mlflow-backend-store=/srv/backend mlflow-artifacts=/srv/artifacts"
    homelab_mlflow_storage = "backendStore=sqlite artifacts=volume"
  }

  group "svc" {
    count = 1

    # One server at a time: two that write to the same SQLite file would damage it, so no canary.
    # No progress deadline: the first unhealthy allocation ends the deployment, and the old is back.
    update {
      max_parallel      = 1
      canary            = 0
      health_check      = "checks"
      min_healthy_time  = "3s"
      healthy_deadline  = "180s"
      progress_deadline = "0s"
      auto_revert       = true
    }

    network {
      port "mlflow_http" {
        to = 5000
      }
    }

    volume "mlflow-backend-store" {
      type      = "host"
      source    = "mlflow-backend-store"
      read_only = false
    }

    volume "mlflow-artifacts" {
      type      = "host"
      source    = "mlflow-artifacts"
      read_only = false
    }

    restart {
      attempts = 5
      delay    = "30s"
    }

    # At an even pace: a volume that is away for a night is back in service half a minute after it.
    reschedule {
      delay          = "30s"
      delay_function = "constant"
      unlimited      = true
    }

    service {
      name     = "mlflow"
      provider = "nomad"
      port     = "mlflow_http"
      tags = [
        "traefik.enable=true",
        "traefik.http.routers.mlflow.rule=Host(`mlflow.lan`)",
      ]

      check {
        type     = "http"
        path     = "/health"
        interval = "3s"
        timeout  = "2s"
      }
    }

    task "mlflow_app" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      config {
        image = "registry.lan:5000/mlflow@sha256:0000000000000000000000000000000000000000000000000000000000000000"
        ports = ["mlflow_http"]
      }

      env {
        HOMELAB_VOLUMES = "/mnt/backend_store=mlflow-backend-store /mnt/artifacts=mlflow-artifacts"
        HOMELAB_WORKERS = "2"
        MLFLOW_SERVER_ALLOWED_HOSTS = "mlflow.lan"
        MLFLOW_SERVER_CORS_ALLOWED_ORIGINS = "http://mlflow.lan"
      }

      resources {
        cpu    = 200
        memory = 512
      }

      volume_mount {
        volume      = "mlflow-backend-store"
        destination = "/mnt/backend_store"
        read_only   = false
      }

      volume_mount {
        volume      = "mlflow-artifacts"
        destination = "/mnt/artifacts"
        read_only   = false
      }

      logs {
        max_files     = 5
        max_file_size = 10
      }
    }
  }
}
