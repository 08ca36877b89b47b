#!/bin/sh
# Pulls images with the dockerd of the machines, run by this machine's kernel: what an emulated
# processor needs minutes for takes seconds. To be run by unshare --mount --pid --fork.
# Arguments: the root disk; a folder whose `root` the disk is mounted on, and whose `data` gets what
# /var/lib/docker is to hold; the images.
set -eu
disk=$1 root=$2/root data=$2/data
shift 2
# In a mount namespace of its own nothing else sees these mounts, and they end with it.
mount --make-rprivate /
mount -o loop,ro "$disk" "$root"
for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
mount -t proc proc "$root/proc"
for folder in run tmp etc/docker; do mount -t tmpfs tmpfs "$root/$folder"; done
mount --bind "$data" "$root/var/lib/docker"

docker() { chroot "$root" docker --host unix:///run/docker.sock "$@"; }
chroot "$root" dockerd --host unix:///run/docker.sock --pidfile /run/docker.pid \
  --exec-root /run/docker --storage-driver overlay2 \
  --bridge none --iptables=false --ip-forward=false >"$root/run/dockerd.log" 2>&1 &
dockerd=$!
tries=0
until docker version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 300 ] || ! kill -0 "$dockerd"; then
    tail -n 3 "$root/run/dockerd.log" >&2
    exit 1
  fi
  sleep 0.2
done
for image in "$@"; do docker pull --quiet "$image"; done
kill "$dockerd"
wait "$dockerd" || true
