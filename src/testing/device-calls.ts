/** Devices for tests around another device: one that notes every call, one that is slow, one that fails on command. */
import type { BlockDevice } from "../image/device.ts";
import { type DeviceErrorCode, deviceError } from "../image/device-error.ts";

/** What is asked of a device with a promise. */
export interface DeviceCall {
  call: "read" | "write" | "writeZeroes" | "trim" | "flush";
  /** Bytes; both 0 for a flush. */
  offset: number;
  length: number;
}

/** Done before each call reaches the device; the call waits for it, and rejects with what it rejects with. */
function before(device: BlockDevice, act: (call: DeviceCall) => Promise<void> | void): BlockDevice {
  return {
    sizeBytes: device.sizeBytes,
    readOnly: device.readOnly,
    async read(offset, length) {
      await act({ call: "read", offset, length });
      return await device.read(offset, length);
    },
    async write(offset, data) {
      await act({ call: "write", offset, length: data.length });
      await device.write(offset, data);
    },
    async writeZeroes(offset, length) {
      await act({ call: "writeZeroes", offset, length });
      await device.writeZeroes(offset, length);
    },
    async trim(offset, length) {
      await act({ call: "trim", offset, length });
      await device.trim(offset, length);
    },
    async flush() {
      await act({ call: "flush", offset: 0, length: 0 });
      await device.flush();
    },
    ...(device.extents ? { extents: device.extents.bind(device) } : {}),
    ...(device.zeroesFast ? { zeroesFast: device.zeroesFast.bind(device) } : {}),
  };
}

export interface RecordingDevice extends BlockDevice {
  /** Every call since it was made, in the order in which they came. */
  readonly calls: DeviceCall[];
}

/** The grain in which an overlay knows what was written. */
const BLOCK_BYTES = 512;

/**
 * A copy-on-write overlay in memory that notes every call: `device` is read, never changed. Each block of 512 bytes
 * that was written takes its room; no call is made on `device` for one that is whole.
 */
export function recordingDevice(device: BlockDevice): RecordingDevice {
  const calls: DeviceCall[] = [];
  const overlay = before(overlayOn(device), (call) => {
    calls.push(call);
  });
  return { ...overlay, calls };
}

function overlayOn(device: BlockDevice): BlockDevice {
  const { sizeBytes } = device;
  const blocks = new Map<number, Buffer>();
  async function read(offset: number, length: number): Promise<Buffer> {
    const into = Buffer.from(await device.read(offset, length));
    for (const { index, from, to } of pieces(offset, length)) {
      const start = index * BLOCK_BYTES;
      blocks.get(index)?.copy(into, start + from - offset, from, to);
    }
    return into;
  }
  async function write(offset: number, data: Buffer): Promise<void> {
    for (const { index, from, to } of pieces(offset, data.length)) {
      const start = index * BLOCK_BYTES;
      const block = blocks.get(index) ?? (await wholeBlock(index));
      data.copy(block, from, start + from - offset, start + to - offset);
    }
  }
  async function wholeBlock(index: number): Promise<Buffer> {
    const start = index * BLOCK_BYTES;
    const block = Buffer.alloc(BLOCK_BYTES);
    (await device.read(start, Math.min(BLOCK_BYTES, sizeBytes - start))).copy(block);
    const made = blocks.get(index); // by another write, meanwhile
    if (made) return made;
    blocks.set(index, block);
    return block;
  }
  const zero = (offset: number, length: number) => write(offset, Buffer.alloc(length));
  return { sizeBytes, readOnly: false, read, write, writeZeroes: zero, trim: zero, flush: async () => {} };
}

/** The parts of a range in blocks, `from` and `to` in bytes within the block. */
function* pieces(offset: number, length: number): Generator<{ index: number; from: number; to: number }> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / BLOCK_BYTES);
    const start = index * BLOCK_BYTES;
    const to = Math.min(end - start, BLOCK_BYTES);
    yield { index, from: at - start, to };
    at = start + to;
  }
}

/** Every call takes `delayMs` more; calls do not wait for one another. */
export function slowDevice(device: BlockDevice, delayMs: number): BlockDevice {
  return before(device, () => new Promise((resolve) => setTimeout(resolve, delayMs)));
}

export interface FailingDevice extends BlockDevice {
  /** From now on such calls are rejected with `code`. */
  fail(call: DeviceCall["call"], code: DeviceErrorCode): void;
  /** From now on none are. */
  mend(): void;
}

export function failingDevice(device: BlockDevice): FailingDevice {
  const failing = new Map<DeviceCall["call"], DeviceErrorCode>();
  const checked = before(device, ({ call }) => {
    const code = failing.get(call);
    if (code) throw deviceError(code, `told to fail every ${call}`);
  });
  return {
    ...checked,
    fail: (call, code) => {
      failing.set(call, code);
    },
    mend: () => failing.clear(),
  };
}
