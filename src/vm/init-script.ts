/**
 * `/init` of the initramfs: loads the drivers, mounts the root file system, and hands over to the init that the
 * kernel command line names (`init=`). It runs on a static busybox and knows nothing of what boots after it.
 */

/** Printed on the console by a guest that was booted with `tplgraph.probe`: the accelerator really runs guests. */
export const PROBE_ANSWER = "a guest runs";

/** QEMU's user network: the guest's address, the gateway to the outside, the name server (QEMU documentation, "Using the user mode network stack"). */
export const USER_NETWORK = { address: "10.0.2.15/24", gateway: "10.0.2.2", nameserver: "10.0.2.3" };

export const INIT_SCRIPT = `#!/bin/busybox sh
PATH=/bin
# busybox finds its own path through /proc.
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t sysfs sysfs /sys

# The end of /init is a panic, which ends the machine where poweroff did not.
fail() {
  echo "tplgraph: $1"
  poweroff -f
  exit 1
}

init=/sbin/init network=none probe=
for word in $(cat /proc/cmdline); do
  case $word in
    init=*) init=\${word#init=} ;;
    tplgraph.network=*) network=\${word#*=} ;;
    tplgraph.probe) probe=yes ;;
  esac
done
if [ "$probe" ]; then
  fail "${PROBE_ANSWER}"
fi

while read -r module; do
  insmod "/modules/$module" || echo "tplgraph: module $module was not loaded"
done < /modules/order

waited=0
until [ -b /dev/vda ]; do
  [ $waited -lt 100 ] || fail "the disk did not appear"
  waited=$((waited + 1))
  usleep 100000
done
# Freed blocks leave the image when they are discarded.
mount -t ext4 -o rw,discard /dev/vda /root || fail "the root file system cannot be mounted"
[ -x "/root$init" ] || [ -L "/root$init" ] || fail "the image has no $init"

ip link set lo up
if [ "$network" = user ] && [ -e /sys/class/net/eth0 ]; then
  ip addr add ${USER_NETWORK.address} dev eth0
  ip link set eth0 up
  ip route add default via ${USER_NETWORK.gateway}
fi

for folder in dev proc sys; do
  [ -d /root/$folder ] || mkdir /root/$folder
  mount --move /$folder /root/$folder
done
exec switch_root /root "$init"
`;
