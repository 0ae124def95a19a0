#!/bin/sh
# The steps of the main job up to the check, as a shell script does them on a raw file: what tplgraph is measured
# against. Prints "STEP MILLISECONDS" lines; what the tools say goes to stderr. FOLDER/root.ext4 is the result.
#
# usage: by-hand.sh BASE_IMAGE PROVISIONING_TAR SIZE_MIB FOLDER [raw|nbd]
# raw: the source is mounted from its file. nbd: it is served over NBD, and mounted from there.
set -eu
base=$1 provisioning=$2 size_mib=$3 folder=$4 source=${5:-raw}
disk=$folder/root.ext4
socket=$folder/nbd.sock served=$folder/served.img

main() {
  mkdir -p "$folder/source" "$folder/root"
  trap release EXIT
  timed source "attach_$source"
  timed disk make_file_system
  timed files copy_files
  timed overlaid overlay_provisioning
  timed shrunk shrink
  timed resized resize
  timed checked check
}

attach_raw() { mount -o ro,loop "$base" "$folder/source"; }

# nbdkit goes into the background once it serves; nbdfuse stays, and writes its pid file when it is ready.
attach_nbd() {
  nbdkit --readonly --unix "$socket" --pidfile "$folder/nbdkit.pid" file "$base"
  : > "$served"
  nbdfuse --readonly --pidfile "$folder/nbdfuse.pid" "$served" "nbd+unix:///?socket=$socket" &
  until [ -s "$folder/nbdfuse.pid" ]; do sleep 0.005; done
  mount -o ro,loop "$served" "$folder/source"
}

make_file_system() {
  truncate -s "${size_mib}M" "$disk"
  mke2fs -q -F -t ext4 -b 4096 -m 0 -i 4096 -L root -O "$features" "$disk"
}
features=^64bit,^dir_index,^dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,inline_data
features=$features,large_file,sparse_super2

# The unmount writes back, and flushes the file below.
copy_files() {
  mount -o loop "$disk" "$folder/root"
  rsync -aHAXS --numeric-ids "$folder/source/" "$folder/root/"
  umount "$folder/root"
}

overlay_provisioning() {
  mount -o loop "$disk" "$folder/root"
  tar --extract --numeric-owner --file="$provisioning" --directory="$folder/root"
  umount "$folder/root"
}

shrink() {
  check
  resize2fs -M "$disk"
}

resize() {
  truncate -s "${size_mib}M" "$disk"
  resize2fs "$disk"
}

# e2fsck exits 1 where it corrected something.
check() { e2fsck -fy "$disk" || [ $? -eq 1 ]; }

timed() {
  step=$1
  shift
  began=$(date +%s%N)
  "$@" >&2
  echo "$step $((($(date +%s%N) - began) / 1000000))"
}

release() {
  for mounted in "$folder/root" "$folder/source" "$served"; do
    ! mountpoint --quiet "$mounted" || umount "$mounted"
  done
  [ ! -s "$folder/nbdkit.pid" ] || kill "$(cat "$folder/nbdkit.pid")"
  wait
}

main
