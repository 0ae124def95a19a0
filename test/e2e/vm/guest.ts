/** A bench on the real disk host, and the smallest root that boots: the provisioning files and a shell, without a distribution. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, ImageArtifact } from "../../../src/engine/artifact.ts";
import { mkfs } from "../../../src/plugins/ext4/mkfs.ts";
import { overlay } from "../../../src/plugins/provision/overlay.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { type StepBench, stepBench } from "../../../src/testing/step.ts";
import { startServices, temporaryStore } from "../host/services.ts";

export interface VmBench extends StepBench {
  store: string;
  readBlob(digest: Digest): Promise<Buffer>;
  /** Writes a file beside the bench's templates and returns its path. */
  script(text: string): Promise<string>;
}

export async function vmBench(options: { signal?: AbortSignal } = {}): Promise<VmBench> {
  const store = await temporaryStore();
  const services = await startServices(store);
  const bench = await stepBench({ ...options, services });
  return {
    ...bench,
    store,
    readBlob: (digest) => folderBlobs(store).get(digest),
    async script(text) {
      const path = join(bench.folder, "script.sh");
      await writeFile(path, text);
      return path;
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await rm(store, { recursive: true });
    },
  };
}

/** What the machine of a snapshot boots here in systemd's place: busybox, which keeps the guest agent running. */
const INITTAB = `::sysinit:/usr/lib/tplgraph/busybox mount -t tmpfs run /run
::respawn:/usr/lib/tplgraph/busybox sh /usr/lib/tplgraph/agent
`;

export async function tinyRoot(bench: StepBench): Promise<ImageArtifact> {
  const empty = await bench.run<{ image: ImageArtifact }>(mkfs, { sizeMiB: 64 });
  const busybox = "/usr/lib/tplgraph/busybox";
  const links = ["/bin/sh", "/bin/cat", "/bin/sleep", "/bin/echo", "/bin/mkdir", "/bin/sync"];
  const { image } = await bench.run<{ image: ImageArtifact }>(overlay, {
    image: empty.image,
    files: [
      ...links.map((path) => ({ path, symlink: busybox })),
      { path: "/sbin/init", symlink: "/usr/lib/tplgraph/init" },
      { path: "/run/.keep", content: "" },
      { path: "/var/log/.keep", content: "" },
    ],
  });
  return image;
}

/** The same with an inittab for a machine that stays up. */
export async function tinyMachine(bench: StepBench): Promise<ImageArtifact> {
  const { image } = await bench.run<{ image: ImageArtifact }>(overlay, {
    image: await tinyRoot(bench),
    files: [{ path: "/etc/inittab", content: INITTAB }],
  });
  return image;
}
