/** A disk as a step sees it: each method is a request to the disk host. */
import type { Disk } from "../../engine/plugin/disk.ts";
import type { StoringOptions } from "../../engine/run/services.ts";
import type { HostProcess } from "./host-process.ts";
import type { OpenedDiskInfo } from "./protocol.ts";

/** `storing`: of a `seal`. */
export function remoteDisk(host: HostProcess, info: OpenedDiskInfo, storing: StoringOptions = {}): Disk {
  const { disk, sizeBytes, socketPath, exportName, keepsRead, port } = info;
  return {
    sizeBytes,
    socketPath,
    exportName,
    keepsRead,
    ...(port === undefined ? {} : { port }),
    uri: `nbd+unix:///${encodeURIComponent(exportName)}?socket=${encodeURI(socketPath)}`,
    async read(offset, bytes) {
      return Buffer.from(await host.request({ op: "read", disk, offset, bytes }), "base64");
    },
    digest: (ranges) => host.request({ op: "digest", disk, ranges }),
    file: () => host.request({ op: "file", disk }),
    device: () => host.request({ op: "device", disk }),
    mount: (options = {}) => host.request({ op: "mount", disk, options }),
    async unmount() {
      await host.request({ op: "unmount", disk });
    },
    async seal(options = {}) {
      const { artifact, addedBytes } = await host.request({ op: "seal", disk, ...options }, storing.signal);
      storing.onAdded?.(addedBytes);
      return artifact;
    },
    stats: () => host.request({ op: "stats", disk }),
  };
}
