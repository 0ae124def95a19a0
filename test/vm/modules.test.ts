import { describe, expect, it } from "vitest";
import { loadOrder } from "../../src/vm/modules.ts";

const DEP = `kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/char/hw_random/virtio-rng.ko.xz: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
`;

describe("the order of modules", () => {
  it("puts what a module depends on before it, each once", () => {
    expect(loadOrder(["virtio_rng", "virtio_blk"], DEP, "")).toEqual([
      "kernel/drivers/virtio/virtio_ring.ko",
      "kernel/drivers/virtio/virtio.ko",
      "kernel/drivers/char/hw_random/virtio-rng.ko.xz",
      "kernel/drivers/block/virtio_blk.ko",
    ]);
  });

  it("leaves out what the kernel has built in", () => {
    expect(loadOrder(["ext4"], DEP, "kernel/fs/ext4/ext4.ko\n")).toEqual([]);
  });

  it("fails where the kernel has no such module", () => {
    expect(() => loadOrder(["ext4"], DEP, "")).toThrow(/no module ext4/);
  });
});
