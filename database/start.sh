#!/bin/sh
# Starts a database on a volume, in any image that has its programs on PATH. Its arguments are those of
# the server.
#
# HOMELAB_KIND           postgresql or mysql; KIND.sh beside this file knows its programs.
# HOMELAB_VOLUME         DIRECTORY=VOLUME; the directory must hold the file .homelab-volume whose first
#                        line is the volume's name, so that nothing is written where it is not mounted.
# HOMELAB_PROBE          only look whether it could start there, beside one that runs; not set by default.
# HOMELAB_DATA_EXPECTED  with that: a volume without a database is not taken for a new one.
set -eu
umask 077

dir=${HOMELAB_VOLUME%%=*}
volume=${HOMELAB_VOLUME#*=}
data=$dir/$HOMELAB_KIND

# It sets TITLE and SERVER, and has the functions that are called below.
# shellcheck source=/dev/null
. "${0%/*}/$HOMELAB_KIND.sh"

refuse() {
  echo "${HOMELAB_PROBE:+error: }$TITLE: $1" >&2
  exit 1
}

found=
IFS= read -r found < "$dir/.homelab-volume" || true
[ "$found" = "$volume" ] ||
  refuse "volume $volume: $dir/.homelab-volume names '$found', so $dir is not the volume; run the deploy again, which prepares it"

said=$("$SERVER" --version) ||
  refuse "the image has no $SERVER on PATH; set storage.backendStore.image to one that has"
command -v flock > /dev/null ||
  refuse "the image has no flock on PATH; set storage.backendStore.image to one that has"
series=$(series_in "$said")
[ -n "$series" ] || refuse "the image's $SERVER is '$said', which is no known version; set another storage.backendStore.image"

if [ -e "$data" ]; then
  found=$(series_of "$data")
  [ "$found" = "$series" ] ||
    refuse "the volume holds data of $TITLE $found, and storage.backendStore.image has $series; keep an image of $found, or move the data first (docs/modes.md)"
  owner=$(stat -c %u "$data")
  [ "$owner" = "$(id -u)" ] ||
    refuse "$data belongs to uid $owner, and image.uid is $(id -u); set it back, or chown -R the directory"
elif [ -n "${HOMELAB_DATA_EXPECTED:-}" ]; then
  refuse "found no database on the volume, while the job has one on another; correct volumes.backendStore, or destroy the job first to begin anew"
fi
[ -z "${HOMELAB_PROBE:-}" ] || exit 0

# In two containers its own lock does not hold: PostgreSQL's goes by the process, and each has a process
# 1. This one is held by all its processes, until the last of them has ended.
exec 9>> "$dir/.$HOMELAB_KIND.lock"
waited=0
until flock -n 9; do
  [ "$waited" -lt 60 ] || refuse "another $TITLE still works on $data; end it"
  waited=$((waited + 1))
  sleep 1
done

if [ ! -e "$data" ]; then
  # Of a start that was killed: no server has been on it.
  rm -rf "$data.new"
  make "$data.new" "$series"
  sync
  mv "$data.new" "$data"
  sync
fi

serve "$data" "$@"
