#!/bin/sh
# Makes a root file system ready to boot as a template: installs what is missing, removes what is one machine's own,
# and keeps the boot short. Runs in the provisioning VM as root; running it twice gives the same as running it once.
#
# TPLGRAPH_PACKAGES: packages to install beside what a boot needs.
set -eu

main() {
  . /etc/os-release
  for name in "$ID" ${ID_LIKE:-}; do
    case $name in
      debian | ubuntu)
        install_debian systemd systemd-sysv udev dbus ca-certificates ${TPLGRAPH_PACKAGES:-}
        forget_this_machine
        shorten_boot
        enable_agent
        return
        ;;
    esac
  done
  echo "provision.sh does not know the distribution $ID (like: ${ID_LIKE:-none}): it knows Debian and its derivatives" >&2
  exit 1
}

install_debian() {
  missing=
  for package; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
  done
  if [ -z "$missing" ]; then
    echo "nothing to install"
    return
  fi
  echo "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  without_services
  apt-get update -q
  # A VM that is thrown away when it fails needs no fsync per file; nobody reads manuals in a template.
  apt-get install -y -q --no-install-recommends \
    -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--force-confold \
    -o Dpkg::Options::=--path-exclude='/usr/share/doc/*' \
    -o Dpkg::Options::=--path-include='/usr/share/doc/*/copyright' \
    -o Dpkg::Options::=--path-exclude='/usr/share/man/*' \
    -o Dpkg::Options::=--path-exclude='/usr/share/locale/*' \
    -o Dpkg::Options::=--path-exclude='/usr/share/info/*' \
    $missing
  apt-get clean
}

# Packages must not start their services here (policy-rc.d of invoke-rc.d(8)).
without_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

# An empty machine-id is filled at boot; a missing one would make every boot a first one (machine-id(5)).
forget_this_machine() {
  rm -f /etc/machine-id /var/lib/dbus/machine-id /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
  : > /etc/machine-id
  chmod 444 /etc/machine-id
}

# Units that a template does not need, and that cost time at every boot.
shorten_boot() {
  mkdir -p /etc/systemd/system
  for unit in \
    systemd-networkd-wait-online.service systemd-firstboot.service systemd-binfmt.service \
    systemd-pstore.service systemd-hwdb-update.service systemd-timesyncd.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    modprobe@dm_mod.service modprobe@loop.service kmod-static-nodes.service systemd-modules-load.service \
    getty@tty1.service e2scrub_all.timer e2scrub_reap.service fstrim.timer \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer; do
    ln -sfn /dev/null "/etc/systemd/system/$unit"
  done
  [ -e /sbin/init ] || ln -s /lib/systemd/systemd /sbin/init
}

enable_agent() {
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sfn /etc/systemd/system/tplgraph-agent.service \
    /etc/systemd/system/multi-user.target.wants/tplgraph-agent.service
}

main "$@"
