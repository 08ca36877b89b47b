#!/bin/sh
# Refuses to start on a volume that is not there, then becomes the server. Its arguments are added to
# those of `mlflow server`.
#
# HOMELAB_VOLUMES  space-separated DIRECTORY=VOLUME; each directory must hold the file
#                  .homelab-volume whose first line is the volume's name, so that the bare mount
#                  point of a volume that is not mounted is never written to.
# HOMELAB_BACKEND_STORE  sqlite, postgresql or mysql, with the URI in MLFLOW_BACKEND_STORE_URI: not an
#                  argument, which each process of the machine could read. none: no runs, the
#                  server is for artifacts alone.
# HOMELAB_REGISTRY_STORE  postgresql or mysql, where models are kept apart from runs, with the URI in
#                  MLFLOW_REGISTRY_STORE_URI. Not set by default.
# HOMELAB_DATABASE  file with host and port of the database that the deploy runs, in place of the URI.
# HOMELAB_ARTIFACTS  a directory, or s3://BUCKET/PREFIX; with direct also mlflow-artifacts:/
# HOMELAB_ARTIFACTS_ACCESS  proxied: they pass through the server; direct: clients reach them alone, or
#                  through another server.
# HOMELAB_ARTIFACTS_SERVER  URL of the server for artifacts, where they are at another one.
# HOMELAB_AUTH  none, or basic: MLflow's own logins (basic_auth.py)
# HOMELAB_TLS_CERTIFICATE  PEM file: the server speaks https (server_tls.py)
# HOMELAB_PROMETHEUS  yes: metrics at /metrics
# HOMELAB_SECRETS  file with the server's secrets: a JSON object of environment variables; none by
#                  default.
set -eu

database=/mnt/backend_store/mlflow.db
users=/mnt/backend_store/basic_auth.db

refuse() {
  echo "entrypoint: $1" >&2
  exit 1
}

for pair in $HOMELAB_VOLUMES; do
  dir=${pair%%=*}
  volume=${pair#*=}
  sentinel=$dir/.homelab-volume
  fix="mount volume $volume at $dir, or run the deploy again, which prepares it"

  [ -d "$dir" ] || refuse "volume $volume: $dir is not a directory; $fix"
  [ -e "$sentinel" ] ||
    refuse "volume $volume: $sentinel is missing, so $dir is not the volume; $fix"
  [ -r "$sentinel" ] ||
    refuse "volume $volume: $sentinel can't be read by uid $(id -u); make it readable"
  found=
  IFS= read -r found < "$sentinel" || true
  [ "$found" = "$volume" ] ||
    refuse "volume $volume: $sentinel names '$found', so $dir is another volume; $fix"
  if [ ! -w "$dir" ] || [ ! -x "$dir" ]; then
    refuse "volume $volume: $dir is not writable by uid $(id -u) gid $(id -g) (it is $(stat -c 'mode %a, owner %u:%g' "$dir")); set its owner or mode"
  fi
done

case $HOMELAB_BACKEND_STORE in
  sqlite)
    /opt/mlflow/bin/python /opt/server/database.py "$database"
    set -- --backend-store-uri "sqlite:///$database" "$@"
    ;;
  none) set -- --artifacts-only "$@" ;;
esac
case $HOMELAB_BACKEND_STORE:${HOMELAB_REGISTRY_STORE:-} in
  sqlite: | none:) ;;
  *) /opt/mlflow/bin/python /opt/server/stores.py ;;
esac

if [ "$HOMELAB_AUTH" = basic ]; then
  if [ "$HOMELAB_BACKEND_STORE" = sqlite ]; then
    /opt/mlflow/bin/python /opt/server/database.py "$users"
  fi
  set -- --app-name basic-auth "$@"
fi

if [ "$HOMELAB_ARTIFACTS_ACCESS" = direct ]; then
  set -- --no-serve-artifacts --default-artifact-root "$HOMELAB_ARTIFACTS" "$@"
else
  set -- --serve-artifacts --artifacts-destination "$HOMELAB_ARTIFACTS" "$@"
fi

case $HOMELAB_ARTIFACTS_ACCESS in
  proxied)
    # The event loop gets artifacts in pieces of 256 KiB. By the image's values each would be got from
    # the kernel and given back, which takes longer than what is done with it.
    export MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=2097152
    ;;
esac

if [ "${HOMELAB_PROMETHEUS:-}" = yes ]; then
  # Prometheus knows the server by the client's address and the port that Nomad gave it.
  hosts=$MLFLOW_SERVER_ALLOWED_HOSTS${NOMAD_HOST_ADDR_mlflow_http:+,$NOMAD_HOST_ADDR_mlflow_http}
  export MLFLOW_SERVER_ALLOWED_HOSTS="$hosts"
  # Where the workers add up their counts, in memory.
  set -- --expose-prometheus /dev/shm/prometheus "$@"
fi

exec /opt/mlflow/bin/python /opt/server/serve.py \
  --host 0.0.0.0 \
  --port 5000 \
  --workers "$HOMELAB_WORKERS" \
  "$@"
