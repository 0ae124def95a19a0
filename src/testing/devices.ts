/** Block devices for tests alone: no production code imports them. */
import type { BlockDevice } from "../image/device.ts";
import { deviceError } from "../image/device-error.ts";

/** All zeros, of any size, in no memory. What is written is gone. It does not tell that it is zeros, so that they travel. */
export function zeroDevice(sizeBytes: number): BlockDevice {
  return {
    sizeBytes,
    readOnly: false,
    read: async (_offset, length) => Buffer.alloc(length),
    write: async () => {},
    writeZeroes: async () => {},
    trim: async () => {},
    flush: async () => {},
  };
}

/** The grain in which a memory device knows what is zeros. */
const MEMORY_BLOCK_BYTES = 512;

/**
 * `content` itself, shared with the test. `readOnly`: changes are refused, as a read-only view does. Blocks of
 * zeros are holes; zeroing is fast where whole blocks are zeroed.
 */
export function memoryDevice(content: Buffer, options: { readOnly?: boolean } = {}): BlockDevice {
  const readOnly = options.readOnly ?? false;
  const change = (act: () => void) => {
    if (readOnly) throw deviceError("EPERM", "the device is read-only");
    act();
  };
  const zero = async (offset: number, length: number) =>
    change(() => content.fill(0, offset, offset + length));
  return {
    sizeBytes: content.length,
    readOnly,
    read: async (offset, length) => Buffer.from(content.subarray(offset, offset + length)),
    write: async (offset, data) => change(() => data.copy(content, offset)),
    writeZeroes: zero,
    trim: zero,
    flush: async () => {},
    *extents(offset, length) {
      const end = offset + length;
      for (let at = offset; at < end; ) {
        const stop = Math.min(at - (at % MEMORY_BLOCK_BYTES) + MEMORY_BLOCK_BYTES, end);
        const isHole = content.subarray(at, stop).every((byte) => byte === 0);
        yield { lengthBytes: stop - at, kind: isHole ? "hole" : "data", dirty: false };
        at = stop;
      }
    },
    zeroesFast: (offset, length) => (offset | length) % MEMORY_BLOCK_BYTES === 0,
  };
}

/** A device whose calls wait until the test lets them go or fail: order and overlap without a clock. */
export interface HeldDevice extends BlockDevice {
  /** The calls that wait, in the order they came, by the name of the method. */
  readonly waiting: { call: string; offset: number; length: number; go(): void; fail(error: Error): void }[];
  /** Resolves when at least `count` calls wait. */
  hasWaiting(count: number): Promise<void>;
}

export function heldDevice(device: BlockDevice): HeldDevice {
  const waiting: HeldDevice["waiting"] = [];
  const watchers: { count: number; resolve(): void }[] = [];
  const hold = async <T>(call: string, offset: number, length: number, act: () => Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settle = (how: () => void) => {
      const place = waiting.indexOf(entry);
      if (place >= 0) waiting.splice(place, 1);
      how();
    };
    const entry = {
      call,
      offset,
      length,
      go: () => settle(resolve),
      fail: (error: Error) => settle(() => reject(error)),
    };
    waiting.push(entry);
    for (const watcher of watchers) if (waiting.length >= watcher.count) watcher.resolve();
    await promise;
    return await act();
  };
  return {
    sizeBytes: device.sizeBytes,
    readOnly: device.readOnly,
    waiting,
    hasWaiting(count) {
      if (waiting.length >= count) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      watchers.push({ count, resolve });
      return promise;
    },
    read: (offset, length) => hold("read", offset, length, () => device.read(offset, length)),
    write: (offset, data) => hold("write", offset, data.length, () => device.write(offset, data)),
    writeZeroes: (offset, length) =>
      hold("writeZeroes", offset, length, () => device.writeZeroes(offset, length)),
    trim: (offset, length) => hold("trim", offset, length, () => device.trim(offset, length)),
    flush: () => hold("flush", 0, 0, () => device.flush()),
  };
}
