/** A superblock's bytes for tests, by the field names and offsets of the kernel's ext4/super.rst. */

export interface Fields {
  blocks?: number;
  freeBlocks?: number;
  reservedBlocks?: number;
  logBlockSize?: number;
  freeInodes?: number;
  magic?: number;
  compat?: number;
  incompat?: number;
  blocksHigh?: number;
  label?: string;
  lastMounted?: number;
  lastWritten?: number;
  firstOrphan?: number;
}

export function superblockBytes(fields: Fields = {}): Buffer {
  const bytes = Buffer.alloc(1024);
  bytes.writeUInt32LE(65_536, 0x0);
  bytes.writeUInt32LE(fields.blocks ?? 65_536, 0x4);
  bytes.writeUInt32LE(fields.reservedBlocks ?? 0, 0x8);
  bytes.writeUInt32LE(fields.freeBlocks ?? 60_000, 0xc);
  bytes.writeUInt32LE(fields.freeInodes ?? 65_525, 0x10);
  bytes.writeUInt32LE(fields.logBlockSize ?? 2, 0x18);
  bytes.writeUInt32LE(32_768, 0x20);
  bytes.writeUInt32LE(8192, 0x28);
  bytes.writeUInt32LE(fields.lastMounted ?? 0, 0x2c);
  bytes.writeUInt32LE(fields.lastWritten ?? 1_600_000_000, 0x30);
  bytes.writeUInt16LE(fields.magic ?? 0xef53, 0x38);
  bytes.writeUInt16LE(1, 0x3a);
  bytes.writeUInt32LE(1, 0x4c);
  bytes.writeUInt16LE(256, 0x58);
  bytes.writeUInt32LE(fields.compat ?? 0x4, 0x5c);
  bytes.writeUInt32LE(fields.incompat ?? 0x42, 0x60);
  bytes.writeUInt32LE(0x1, 0x64);
  Buffer.from("00112233445566778899aabbccddeeff", "hex").copy(bytes, 0x68);
  bytes.write(fields.label ?? "root", 0x78);
  bytes.writeUInt32LE(fields.firstOrphan ?? 0, 0xe8);
  bytes.writeUInt32LE(fields.blocksHigh ?? 0, 0x150);
  return bytes;
}
