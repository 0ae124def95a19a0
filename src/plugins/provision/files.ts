/**
 * The provisioning files: what every root file system gets so that it can be provisioned in a VM, and its guest
 * reached once it runs. This is the one list of them, used by every way into an image. Writing it twice gives
 * the same as writing it once.
 */
import { AGENT_PORT } from "../../vm/agent.ts";
import { AGENT_SCRIPT } from "./agent-script.ts";
import { BUSYBOX, INIT, INITTAB, RC_SCRIPT } from "./boot-scripts.ts";

/** A file as it shall be in the image, whatever was there. Owner 0:0 unless it says otherwise. */
export type OverlayFile = {
  /** Absolute in the image. */
  path: string;
  uid?: number;
  gid?: number;
} & (
  | { kind: "file" /** Permission bits. */; mode: number; content: string | Uint8Array }
  | { kind: "symlink"; target: string }
  | { kind: "dir"; mode: number }
);

export interface ProvisioningOptions {
  hostname: string;
  nameservers: readonly string[];
  /** Content of a static busybox. */
  busybox: Uint8Array;
}

export function provisioningFiles({ hostname, nameservers, busybox }: ProvisioningOptions): OverlayFile[] {
  const text = (path: string, content: string, mode = 0o644): OverlayFile => ({
    kind: "file",
    path,
    mode,
    content,
  });
  return [
    { kind: "dir", path: "/usr/lib/tplgraph", mode: 0o755 },
    { kind: "file", path: BUSYBOX, mode: 0o755, content: busybox },

    // The provisioning boot. Its init is not at /sbin/init, which is systemd's.
    { kind: "file", path: INIT, mode: 0o755, content: busybox },
    text("/etc/inittab", INITTAB),
    text("/usr/lib/tplgraph/rcS", RC_SCRIPT, 0o755),

    // The guest agent, enabled.
    text("/usr/lib/tplgraph/agent", AGENT_SCRIPT, 0o755),
    text("/etc/systemd/system/tplgraph-agent.service", AGENT_UNIT),
    {
      kind: "symlink",
      path: "/etc/systemd/system/multi-user.target.wants/tplgraph-agent.service",
      target: "/etc/systemd/system/tplgraph-agent.service",
    },

    text("/etc/hostname", `${hostname}\n`),
    text("/etc/hosts", `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`),
    text("/etc/resolv.conf", nameservers.map((server) => `nameserver ${server}\n`).join("")),

    // A root shell on the serial console.
    text("/etc/systemd/system/serial-getty@ttyS0.service.d/tplgraph.conf", AUTOLOGIN),

    // A machine that was paused for longer than a watchdog's time would come back to killed daemons.
    text("/etc/systemd/system/systemd-journald.service.d/tplgraph.conf", NO_WATCHDOG),
    text("/etc/systemd/system/systemd-networkd.service.d/tplgraph.conf", NO_WATCHDOG),
    text("/etc/systemd/journald.conf.d/tplgraph.conf", JOURNAL_LIMIT),
  ];
}

/** Early, and without the ordering after basic.target that a default service has: it answers while the rest still boots. */
const AGENT_UNIT = `[Unit]
Description=tplgraph guest agent (${AGENT_PORT})
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStart=${BUSYBOX} sh /usr/lib/tplgraph/agent
Restart=always
RestartSec=1
KillMode=process
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`;

const AUTOLOGIN = `[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - $TERM
`;

const NO_WATCHDOG = `[Service]
WatchdogSec=0
`;

const JOURNAL_LIMIT = `[Journal]
SystemMaxUse=16M
RuntimeMaxUse=16M
`;
