/**
 * The guest agent: a shell script on the image's static busybox that runs commands which the host sends over a
 * virtio-serial port. One request at a time. It survives that the host goes and another one comes (a resume).
 *
 * Host to guest: `ID SECONDS BASE64-COMMAND`. Guest to host, any number of `ID o BASE64` (stdout) and
 * `ID e BASE64` (stderr), then `ID x EXIT-STATUS`. A command that outlives its seconds is killed: status 137.
 */
import { AGENT_PORT } from "../../vm/agent.ts";
import { BUSYBOX } from "./boot-scripts.ts";

export const AGENT_SCRIPT = `#!${BUSYBOX} sh
# tplgraph guest agent
bb=${BUSYBOX}
port=
until [ "$port" ]; do
  for entry in /sys/class/virtio-ports/*; do
    [ -e "$entry/name" ] || continue
    read -r name < "$entry/name"
    [ "$name" = ${AGENT_PORT} ] && port=/dev/\${entry##*/}
  done
  [ "$port" ] || $bb sleep 1
done
exec 3<> "$port" || exit 1
dir=/run/tplgraph-agent
$bb mkdir -p -m 0700 $dir
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

send() { # id, stream, file
  $bb base64 -w 12000 "$3" | while read -r line || [ "$line" ]; do echo "$1 $2 $line" >&3; done
}

cd /
while :; do
  # No host: the port reads as ended until one connects.
  if ! read -r id seconds command <&3; then $bb sleep 0.2; continue; fi
  case $seconds in ''|*[!0-9]*) continue ;; esac
  echo "$command" | $bb base64 -d > $dir/command 2> /dev/null || continue
  $bb timeout -s KILL "$seconds" /bin/sh $dir/command < /dev/null > $dir/out 2> $dir/err 3>&-
  status=$?
  send "$id" o $dir/out
  send "$id" e $dir/err
  echo "$id x $status" >&3
done
`;
