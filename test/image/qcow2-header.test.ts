import { expect, it } from "vitest";
import { isQcow2, qcow2DiskBytes } from "../../src/image/qcow2-header.ts";

/** The header of a file that stands by itself, with some fields changed. */
function header(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write("QFI\xfb", "latin1");
  bytes.writeUInt32BE(3, 4);
  bytes.writeBigUInt64BE(5n * 2n ** 30n, 24);
  change(bytes);
  return bytes;
}

it("tells a qcow2 file and the size of its disk", () => {
  expect(isQcow2(header())).toBe(true);
  expect(isQcow2(Buffer.from("QF"))).toBe(false);
  expect(isQcow2(Buffer.alloc(512))).toBe(false);
  expect(qcow2DiskBytes("file", header())).toBe(5 * 2 ** 30);
});

it.each<[code: string, head: Buffer]>([
  ["qcow2-unknown", header((bytes) => bytes.writeUInt32BE(1, 4))],
  ["qcow2-unknown", header().subarray(0, 40)],
  ["qcow2-backing-file", header((bytes) => bytes.writeBigUInt64BE(480n, 8))],
  ["qcow2-encrypted", header((bytes) => bytes.writeUInt32BE(2, 32))],
  ["qcow2-external-data", header((bytes) => bytes.writeBigUInt64BE(4n, 72))],
  ["qcow2-external-data", header().subarray(0, 80)],
])("refuses, with %s, what would have another file read", (code, head) => {
  expect(() => qcow2DiskBytes("file", head)).toThrow(expect.objectContaining({ code }));
});
