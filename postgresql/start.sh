#!/bin/sh
# Starts PostgreSQL on a volume, in any image that has its programs on PATH. Its arguments are those of
# postgres.
#
# PGHOST                 directory of its socket
# HOMELAB_VOLUME         DIRECTORY=VOLUME; the directory must hold the file .homelab-volume whose first
#                        line is the volume's name, so that nothing is written where it is not mounted.
# HOMELAB_PROBE          only look whether it could start there, beside one that runs; not set by default.
# HOMELAB_DATA_EXPECTED  with that: a volume without a database is not taken for a new one.
set -eu
umask 077

dir=${HOMELAB_VOLUME%%=*}
volume=${HOMELAB_VOLUME#*=}
data=$dir/postgresql

refuse() {
  echo "${HOMELAB_PROBE:+error: }PostgreSQL: $1" >&2
  exit 1
}

found=
IFS= read -r found < "$dir/.homelab-volume" || true
[ "$found" = "$volume" ] ||
  refuse "volume $volume: $dir/.homelab-volume names '$found', so $dir is not the volume; run the deploy again, which prepares it"

version=$(postgres --version) ||
  refuse "the image has no postgres on PATH; set storage.backendStore.image to one that has"
command -v flock > /dev/null ||
  refuse "the image has no flock on PATH; set storage.backendStore.image to one that has"
major=${version#*PostgreSQL) }
major=${major%%[!0-9]*}

if [ -e "$data" ]; then
  found=$(cat "$data/PG_VERSION")
  [ "$found" = "$major" ] ||
    refuse "the volume holds data of PostgreSQL $found, and storage.backendStore.image has $major; keep an image of $found, or move the data first (docs/modes.md)"
  owner=$(stat -c %u "$data")
  [ "$owner" = "$(id -u)" ] ||
    refuse "$data belongs to uid $owner, and image.uid is $(id -u); set it back, or chown -R the directory"
elif [ -n "${HOMELAB_DATA_EXPECTED:-}" ]; then
  refuse "found no database on the volume, while the job has one on another; correct volumes.backendStore, or destroy the job first to begin anew"
fi
[ -z "${HOMELAB_PROBE:-}" ] || exit 0

# In two containers PostgreSQL's own lock does not hold: each has a process 1. This one is held by all
# its processes, until the last of them has ended.
exec 9>> "$dir/.postgresql.lock"
waited=0
until flock -n 9; do
  [ "$waited" -lt 60 ] || refuse "another PostgreSQL still works on $data; end it"
  waited=$((waited + 1))
  sleep 1
done

if [ ! -e "$data" ]; then
  # Of a start that was killed: no server has been on it.
  rm -rf "$data.new"
  initdb --pgdata "$data.new" --username postgres --encoding UTF8 --locale C.UTF-8 \
    --data-checksums --auth-local trust --auth-host scram-sha-256 > /dev/null
  echo "host mlflow mlflow all scram-sha-256" >> "$data.new/pg_hba.conf"
  mv "$data.new" "$data"
  sync
fi

# Nobody but us reaches it while its user gets the password.
pg_ctl start --pgdata "$data" --wait --timeout 600 --silent \
  --options "-c listen_addresses= -c unix_socket_directories=$PGHOST"
psql --no-psqlrc --quiet --username postgres --dbname postgres --set ON_ERROR_STOP=1 \
  --file /local/role.sql || refuse "could not set up its user and database: see above"
pg_ctl stop --pgdata "$data" --wait --timeout 600 --silent --mode fast

exec postgres -D "$data" -c unix_socket_directories="$PGHOST" "$@"
