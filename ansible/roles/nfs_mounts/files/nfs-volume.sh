#!/bin/sh
# Looks at one NFS-backed volume on a Nomad client, or prepares it. Nothing here waits for ever: what
# touches the NAS has a time limit, since a process on a hard mount can't be interrupted.
#
#   nfs-volume.sh inspect   changes nothing but for a file that it writes and deletes; where the export
#                           is not mounted yet, by a mount of its own
#   nfs-volume.sh prepare   gives an empty export to the server, and writes the sentinel
#
# Environment: NAME of the volume, SERVER, EXPORT, MOUNT_POINT, OPTIONS, OWNER (uid), GROUP (gid),
# MODE, SENTINEL (file name).
#
# Prints the state on one line: mounted, absent, changed (something of ours is mounted that is not
# this) or stale. A problem is printed instead, for a user, with exit code 3.
# shellcheck disable=SC2153 # given from outside, in capitals
set -u
export LC_ALL=C
: "$NAME" "$SERVER" "$EXPORT" "$MOUNT_POINT" "$OPTIONS" "$OWNER" "$GROUP" "$MODE" "$SENTINEL"
limit=20
source=$SERVER:$EXPORT
probe=

finish() {
  [ -z "$probe" ] || { umount "$probe" 2>/dev/null || umount -l "$probe" 2>/dev/null; rmdir "$probe"; } 2>/dev/null
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

refuse() {
  printf 'volume %s: %s\n' "$NAME" "$1"
  exit 3
}

# Runs a command on the NAS's files as the server would: its uid and gid, no others.
as_server() {
  timeout -k 2 "$limit" setpriv --reuid "$OWNER" --regid "$GROUP" --clear-groups "$@"
}

# Type and source of what is on top at the mount point. Only from the kernel's table: a stat would
# hang where the NAS does not answer.
mounted() {
  findmnt --noheadings --raw --mountpoint "$MOUNT_POINT" --output FSTYPE,SOURCE | tail -n 1
}

wanted_version() {
  printf '%s\n' "$OPTIONS" | tr ',' '\n' | sed -n 's/^\(nfsvers\|vers\)=//p' | tail -n 1
}

# Whether the table has the line that a deploy writes: for any export, for this one, with its options.
in_fstab() {
  awk -v what="$1" -v source="$source" -v path="$MOUNT_POINT" -v options="$OPTIONS," '
    $2 == path && $4 ~ /(^|,)x-homelab-mlflow=/ {
      if (what == "any" || ($1 == source && (what == "export" || index($4, options) == 1))) found = 1
    }
    END { exit !found }' /etc/fstab
}

# What an earlier deploy has set up and is not mounted may be about to be: after a boot, or since the
# NAS is back. systemd is told to go on, and given a moment.
wait_for_systemd() {
  systemctl start --no-block "$(systemd-escape --path --suffix=mount "$MOUNT_POINT")" 2>/dev/null || return
  tries=15
  while [ "$tries" -gt 0 ] && [ -z "$(mounted)" ]; do
    sleep 1
    tries=$((tries - 1))
  done
}

state() {
  found=$(mounted)
  if [ -z "$found" ] && in_fstab options; then
    wait_for_systemd
    found=$(mounted)
  fi
  case $found in
    "")
      echo absent
      return
      ;;
    "nfs $source" | "nfs4 $source") ;;
    *)
      in_fstab any ||
        refuse "$MOUNT_POINT: found $found mounted there, expected nfs4 $source; unmount it, or name another mountPoint"
      echo changed
      return
      ;;
  esac
  error=$(timeout -k 2 "$limit" stat "$MOUNT_POINT/." 2>&1 >/dev/null)
  case $? in
    0) ;;
    124 | 137) refuse "$source: the NAS does not answer within $limit s; nothing was changed; deploy again when it is back" ;;
    *)
      case $error in
        *[Ss]tale*)
          echo stale
          return
          ;;
        *) refuse "$MOUNT_POINT: $error" ;;
      esac
      ;;
  esac
  # Mounted by hand, or by an earlier deploy with other options.
  if in_fstab options; then echo mounted; else echo changed; fi
}

# Mounts the export aside with the volume's own options, but for what would make it wait.
mount_aside() {
  probe=$(mktemp -d /run/homelab-mlflow-probe.XXXXXX)
  options=$(printf '%s\n' "$OPTIONS" | tr ',' '\n' | grep -v -E '^(bg|fg|hard|_netdev|timeo=.*|retrans=.*|retry=.*|x-.*|nofail|noauto)$' | paste -s -d , -)
  said=$(timeout -k 2 40 mount -t nfs -o "${options:+$options,}fg,soft,timeo=50,retrans=2,retry=0,nosharecache" "$source" "$probe" 2>&1)
  case $? in
    0) ;;
    124 | 137) refuse "$source: the NAS does not answer; is $SERVER up, and does it serve NFS (port 2049)? correct server of this volume, or start it" ;;
    *) refuse "$(explain_mount "$said")" ;;
  esac
}

explain_mount() {
  said=$(printf '%s' "$1" | tr '\n' ' ' | sed 's/^mount\.nfs4*: //; s/ *$//')
  case $said in
    *"access denied"* | *"Operation not permitted"*) echo "$source: refused by the NAS ($said); export $EXPORT to this client there (/etc/exports, or the share's NFS permissions)" ;;
    *"No such file"*) echo "$source: the NAS has no such export ($said); correct export of this volume; \`showmount -e $SERVER\` may list them" ;;
    *"resolve"* | *"Name or service not known"*) echo "$source: this client can't resolve $SERVER; correct server of this volume, or the client's DNS" ;;
    *"refused"*) echo "$source: $SERVER serves no NFS ($said); start its NFS server, or correct server of this volume" ;;
    *"timed out"* | *"No route"* | *"unreachable"*) echo "$source: $SERVER does not answer ($said); start it, or correct server of this volume" ;;
    *"rotocol not supported"* | *"equested NFS version"*) echo "$source: the NAS does not speak NFS $(wanted_version) ($said); enable it there, or set nfsvers in options of this volume" ;;
    *) echo "$source: $said" ;;
  esac
}

# What can't be listed is not empty: somebody's data may be in it. The NAS's root may be nobody.
is_empty() {
  listed=$(as_server ls -A "$1" 2>/dev/null || timeout -k 2 "$limit" ls -A "$1" 2>/dev/null) || return 1
  ! printf '%s\n' "$listed" |
    grep -q -v -x -E '|lost\+found|\.snapshot|\.zfs|@eaDir|#recycle|\.homelab-write-test\..*'
}

# Whether a command can write, read and delete a file there: as_server, or root's timeout.
can_write() {
  # Another client's may have the same process id.
  file=$1/.homelab-write-test.$(cat /proc/sys/kernel/random/uuid)
  shift
  # Synced: what a full NAS says comes as late as that, and an echo does not listen.
  # shellcheck disable=SC2016 # the inner shell's
  "$@" sh -c '
    echo test | dd of="$1" conv=fsync status=none && cat "$1" > /dev/null
    failed=$?
    rm -f "$1" && exit "$failed"
  ' sh "$file" 2>&1
}

# As the server's uid: root may be able to write where it is not, and the other way round.
write_test() {
  said=$(can_write "$1" as_server)
  case $? in
    0) return ;;
    124 | 137) refuse "$source: the NAS does not answer within $limit s; nothing was changed; deploy again when it is back" ;;
  esac
  case $said in
    *"Read-only"*) refuse "$source: exported read-only; export it rw to this client" ;;
    *"No space"* | *"uota exceeded"*) refuse "$source: full (no space or quota left on the NAS); make room there" ;;
  esac
  owner=$(timeout -k 2 "$limit" stat -c '%u:%g, mode %a' "$1" 2>/dev/null)
  # A new export, and root is root on the NAS: prepare gives it to the server.
  if is_empty "$1" && can_write "$1" timeout -k 2 "$limit" >/dev/null; then
    [ "$verb" = prepare ] || return
    timeout -k 2 "$limit" chown "$OWNER:$GROUP" "$1" && timeout -k 2 "$limit" chmod "$MODE" "$1" &&
      can_write "$1" as_server >/dev/null && return
  fi
  refuse "$source: uid $OWNER gid $GROUP can't write there, the directory belongs to $owner; on the NAS run \`chown $OWNER:$GROUP $EXPORT\` (root_squash keeps this client's root from doing it), or set image.uid and image.gid to the owner; with all_squash set anonuid=$OWNER,anongid=$GROUP"
}

check_sentinel() {
  if as_server test -e "$1/$SENTINEL"; then
    first=$(as_server head -n 1 "$1/$SENTINEL")
    [ "$first" = "$NAME" ] ||
      refuse "$source: $SENTINEL names \"$first\", expected \"$NAME\": this export belongs to another volume; name another export, or that volume"
    return
  fi
  if in_fstab export; then
    refuse "$source: $SENTINEL is gone, and an earlier deploy had this export as $NAME: is it another disk, or was it emptied? bring the data back; to start anew, remove its line from /etc/fstab on this client"
  fi
  is_empty "$1" && return
  owner=$(timeout -k 2 "$limit" stat -c %u "$1")
  [ "$owner" = "$OWNER" ] ||
    refuse "$source: found data of uid $owner and no $SENTINEL, expected an empty export or data of uid $OWNER; if it is the data of $NAME, chown it to $OWNER on the NAS, else name another export"
}

verb=$1
state=$(state) || { printf '%s\n' "$state"; exit 3; }

case $verb in
  inspect)
    where=$MOUNT_POINT
    if [ "$state" != mounted ]; then
      mount_aside
      where=$probe
    fi
    write_test "$where"
    check_sentinel "$where"
    ;;
  prepare)
    [ "$state" = mounted ] || refuse "$MOUNT_POINT: found $state, expected $source mounted there; see \`journalctl -u \"\$(systemd-escape --path --suffix=mount $MOUNT_POINT)\"\` on this client"
    write_test "$MOUNT_POINT"
    if ! as_server test -e "$MOUNT_POINT/$SENTINEL"; then
      # Linked when it is whole, or moved where there are no links: another client may write it at the
      # same moment, and one of them does.
      # shellcheck disable=SC2016
      said=$(as_server sh -c '
        umask 0222
        printf "%s\nThe line above names the volume whose data lies here. The server does not start without it.\n" "$3" > "$1" &&
          { ln "$1" "$2" || mv -n "$1" "$2"; } 2>/dev/null
        test -e "$2"
        failed=$?
        rm -f "$1" && exit "$failed"
      ' sh "$MOUNT_POINT/.homelab-write-test.$(cat /proc/sys/kernel/random/uuid)" "$MOUNT_POINT/$SENTINEL" "$NAME" 2>&1) ||
        refuse "$source: $SENTINEL can't be written: $said"
      check_sentinel "$MOUNT_POINT"
      state=prepared
    fi
    ;;
esac
echo "$state"
