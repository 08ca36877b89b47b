#!/bin/sh
# Starts the server once, as the entrypoint does, on volumes of its own, and waits for its health.
set -eu

dir=$(mktemp -d)
mkdir "$dir/backend" "$dir/artifacts"
echo backend > "$dir/backend/.homelab-volume"
echo artifacts > "$dir/artifacts/.homelab-volume"

HOMELAB_VOLUMES="$dir/backend=backend $dir/artifacts=artifacts" HOMELAB_WORKERS=1 \
  /opt/server/entrypoint.sh \
  --backend-store-uri "sqlite:///$dir/backend/mlflow.db" \
  --artifacts-destination "$dir/artifacts" \
  --host 127.0.0.1 &
server=$!

healthy='import urllib.request as r; r.urlopen("http://127.0.0.1:5000/health", timeout=5)'
tries=0
until python3 -c "$healthy" 2> /dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge 240 ] || ! kill -0 "$server" 2> /dev/null; then
    echo "error: the image does not serve; what it said is above" >&2
    exit 1
  fi
  sleep 0.5
done
kill -TERM "$server"
wait "$server"
rm -r "$dir"
