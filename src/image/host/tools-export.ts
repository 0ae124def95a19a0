/**
 * A view as it is exported where tools alone use it. They flush after each of their steps, so that a file system is
 * whole after a crash; of an overlay nothing is kept after one (`overlay.ts`), so it is flushed once, when the disk is
 * sealed or unmounted, and a write-back error surfaces there.
 */
import type { BlockDevice } from "../device.ts";
import type { CowView } from "../view.ts";

export function exportForTools(view: CowView): BlockDevice {
  return {
    sizeBytes: view.sizeBytes,
    readOnly: view.readOnly,
    read: (offset, length) => view.read(offset, length),
    readInto: (offset, into) => view.readInto(offset, into),
    write: (offset, data) => view.write(offset, data),
    writeZeroes: (offset, length) => view.writeZeroes(offset, length),
    trim: (offset, length) => view.trim(offset, length),
    extents: (offset, length) => view.extents(offset, length),
    zeroesFast: (offset, length) => view.zeroesFast(offset, length),
    async flush() {},
  };
}
