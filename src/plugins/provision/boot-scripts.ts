/**
 * The provisioning boot. In the image: a busybox init, its inittab, and an rcS that prepares just enough to take
 * over what the host brings on a second disk. From the host, so that it is as new as the host is: `BOOT_SCRIPT`,
 * which runs the provisioning script, tells its exit status over a port of its own, and leaves a clean file system.
 */
import { USER_NETWORK } from "../../vm/init-script.ts";

export const BUSYBOX = "/usr/lib/tplgraph/busybox";
/** A copy of busybox under the name that makes it an init. */
export const INIT = "/usr/lib/tplgraph/init";
/** Where the host's disk is unpacked: a tmpfs, so nothing of it stays. */
export const GUEST_FOLDER = "/run/tplgraph";

/** Carries `NONCE exit STATUS` and then `NONCE clean`. The console cannot reach it. */
export const STATUS_PORT = "org.tplgraph.status";
/** Carries what the provisioning script prints. */
export const OUTPUT_PORT = "org.tplgraph.output";

export const INITTAB = `# The provisioning boot of tplgraph (busybox init). systemd does not read it.
::sysinit:/usr/lib/tplgraph/rcS
`;

export const RC_SCRIPT = `#!${BUSYBOX} sh
bb=${BUSYBOX}
end() { echo "tplgraph: $1"; $bb poweroff -f; }
mounted() { while read -r _ at _; do [ "$at" = "$1" ] && return 0; done < /proc/mounts; return 1; }
mounted /proc || $bb mount -t proc proc /proc
mounted /sys || $bb mount -t sysfs sysfs /sys
mounted /dev || $bb mount -t devtmpfs dev /dev
$bb mkdir -p /dev/pts /dev/shm /run /tmp
$bb mount -t devpts devpts /dev/pts
$bb mount -t tmpfs -o mode=1777 shm /dev/shm
$bb mount -t tmpfs -o mode=0755,size=90% run /run
$bb mount -t tmpfs -o mode=1777 tmp /tmp
[ -e /dev/fd ] || $bb ln -s /proc/self/fd /dev/fd
$bb hostname "$($bb cat /etc/hostname)"
$bb mkdir -p ${GUEST_FOLDER}
$bb tar -x -f /dev/vdb -C ${GUEST_FOLDER} || end "there is nothing to run on /dev/vdb"
$bb sh ${GUEST_FOLDER}/boot
end "the provisioning boot ended without powering off"
`;

/**
 * `$PATH` of the provisioning script is the image's own; the boot script itself uses busybox alone. Mounts that
 * the script left behind are undone before the root is made read-only, which writes everything and cleans the journal.
 */
export const BOOT_SCRIPT = `bb=${BUSYBOX}
dir=${GUEST_FOLDER}
read -r nonce < $dir/nonce

port() {
  for entry in /sys/class/virtio-ports/*; do
    read -r name < "$entry/name"
    [ "$name" = "$1" ] && echo "/dev/\${entry##*/}"
  done
}
exec 3> "$(port ${STATUS_PORT})" 4> "$(port ${OUTPUT_PORT})"

# Name servers for this boot alone: bound over the image's file, or its name if that is missing.
echo "nameserver ${USER_NETWORK.nameserver}" > $dir/resolv.conf
[ -e /etc/resolv.conf ] && $bb mount --bind $dir/resolv.conf /etc/resolv.conf

if [ -d $dir/apt ]; then
  $bb mkdir -p $dir/apt-lists/partial $dir/apt-cache/archives/partial
  $bb mkdir -p $dir/apt/apt.conf.d $dir/apt/preferences.d $dir/apt/sources.list.d
  release=$(. /etc/os-release; echo "\${VERSION_CODENAME:-}")
  if [ "$release" ] && $bb grep -rqw "$release" $dir/apt/sources.list $dir/apt/sources.list.d 2> /dev/null; then
    export APT_CONFIG=$dir/apt/host.conf
  else
    echo "tplgraph: the host's apt sources are not for \${release:-this system}: the image's own are used" >&4
    export APT_CONFIG=$dir/apt/acquire.conf
  fi
fi

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
. $dir/env
cd /
$dir/script < /dev/null >&4 2>&1 3>&- 4>&-
status=$?
cd /
echo "$nonce exit $status" >&3

kill -TERM -1 2> /dev/null
$bb usleep 200000
kill -KILL -1 2> /dev/null
$bb tac /proc/mounts | while read -r _ at _; do
  case $at in
    / | /proc | /dev | /sys | /run) ;;
    *) $bb umount "$at" 2> /dev/null || $bb umount -l "$at" ;;
  esac
done
$bb sync
$bb mount -o remount,ro / && echo "$nonce clean" >&3
$bb poweroff -f
`;
