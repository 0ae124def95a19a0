/**
 * A block device in this process: what the NBD server serves. Offsets and lengths are in bytes, any alignment,
 * always within `sizeBytes` (the server checks). Calls may overlap in time; a write is seen by every read that
 * starts after it resolved. An error rejects that call alone, with a Node error code (`EIO`, `ENOSPC`).
 *
 * What is optional tells more about the device; without it everything is data, and zeroing costs what writing does.
 */
export interface BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  read(offset: number, length: number): Promise<Buffer>;
  /**
   * Fills `into` from `offset` on; undefined: it is filled already. For a device that can do so without a buffer of
   * its own. `into` belongs to the caller again when the promise settles, or the call throws.
   */
  readInto?(offset: number, into: Buffer): Promise<void> | undefined;
  /** `data` belongs to the caller again when the promise settles. */
  write(offset: number, data: Buffer): Promise<void>;
  /** The range reads as zeros afterwards. Whether storage is kept for it is the device's choice. */
  writeZeroes(offset: number, length: number): Promise<void>;
  /** The range's content no longer matters; this project's devices make it read as zeros. */
  trim(offset: number, length: number): Promise<void>;
  /** Everything written before is on stable storage of this machine; a write-back error surfaces here. */
  flush(): Promise<void>;
  /**
   * What is known of a range without reading it: adjacent extents from `offset` on, each of at least one byte,
   * that cover the range exactly. Walked within one turn of the event loop, maybe not to the end.
   */
  extents?(offset: number, length: number): Iterable<Extent>;
  /** Whether `writeZeroes` of that range surely costs less than writing zeros to it. */
  zeroesFast?(offset: number, length: number): boolean;
}

/** A part of a device that is alike. */
export interface Extent {
  lengthBytes: number;
  /** `hole`: reads as zeros, and no storage is kept for it. `data`: may be anything. */
  kind: "data" | "hole";
  /** Changed since the device was opened. */
  dirty: boolean;
}
