#!/bin/sh
# mmdebstrap runs this when the packages are installed: the root's path is its only argument.
# From the environment: FILES, the folder root/; NOMAD, the program; OUTPUT, a folder with the ssh
# keys, where the kernel and its initrd go.
set -eu
root=$1

rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root"/etc/ssh/ssh_host_*
tar --create --directory "$FILES" --owner=0 --group=0 --mode=u=rwX,go=rX . |
  tar --extract --directory "$root" --no-overwrite-dir
chmod 0440 "$root/etc/sudoers.d/ansible"
install -m 0755 "$NOMAD" "$root/usr/local/bin/nomad"
install -d "$root/etc/nomad.d" "$root/opt/nomad/data" "$root/srv/nas" "$root/var/lib/docker"

chroot "$root" useradd --create-home --shell /bin/bash ansible
install -d -m 0700 "$root/home/ansible/.ssh"
install -m 0600 "$OUTPUT/id_ed25519.pub" "$root/home/ansible/.ssh/authorized_keys"
chroot "$root" chown -R ansible:ansible /home/ansible/.ssh
for machine in nas client1 client2; do
  install -d "$root/usr/share/machine/$machine"
  install -m 0600 "$OUTPUT/$machine" "$root/usr/share/machine/$machine/ssh_host_ed25519_key"
done

# The kernel's command line gives each machine an identity of its own, and starts what is its own.
: >"$root/etc/machine-id"
for unit in nomad.service systemd-networkd.service; do
  chroot "$root" systemctl --quiet enable "$unit"
done
chroot "$root" systemctl --quiet disable nfs-server.service
# Emulated, each of these costs seconds of a boot, or wakes up in the middle of a test.
for unit in \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  systemd-tmpfiles-clean.timer e2scrub_reap.service getty@tty1.service serial-getty@ttyS0.service \
  nfs-blkmap.service rpcbind.service rpcbind.socket rpc-statd.service rpc-statd-notify.service \
  auth-rpcgss-module.service systemd-logind.service systemd-pstore.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-binfmt.service \
  proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount \
  kmod-static-nodes.service systemd-network-generator.service systemd-random-seed.service \
  modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@fuse.service \
  modprobe@loop.service modprobe@efi_pstore.service; do
  chroot "$root" systemctl --quiet mask "$unit"
done

# Debian's initrd looks for hardware, which takes an emulated processor as long as all the rest of
# the kernel's boot. The hardware is known here.
kernel=$(basename "$root"/lib/modules/*)
initrd=$root/tmp/initrd
mkdir "$initrd" "$initrd/bin" "$initrd/dev" "$initrd/modules" "$initrd/proc" "$initrd/root"
cp "$root/bin/busybox" "$initrd/bin/busybox"
for module in virtio_pci virtio_blk virtio_net virtio_rng ext4; do
  chroot "$root" modprobe --set-version "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$initrd/modules/order"
while read -r file; do
  cp "$root/$file" "$initrd/modules/"
done <"$initrd/modules/order"
sed -i 's|.*/||' "$initrd/modules/order"
cat >"$initrd/init" <<'EOF'
#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
while read -r module; do busybox insmod "/modules/$module"; done </modules/order
until [ -b /dev/vda ]; do busybox usleep 10000; done
busybox mount -t ext4 -o noatime /dev/vda /root
busybox umount /proc
busybox mount --move /dev /root/dev
exec busybox switch_root /root /sbin/init
EOF
chmod 0755 "$initrd/init"
chroot "$root" sh -c 'cd /tmp/initrd && find . | cpio --create --quiet --format=newc' \
  >"$OUTPUT/initrd.img"
cp "$root/boot/vmlinuz-$kernel" "$OUTPUT/vmlinuz"
rm -rf "$initrd" "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
