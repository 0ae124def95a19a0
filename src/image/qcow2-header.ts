/**
 * What the header of a qcow2 file says of it, before a tool opens the file: one that names other files would have
 * them read, whoever made it (QEMU documentation, interop/qcow2.txt, "Header").
 */
import { TplError } from "../engine/errors.ts";

const MAGIC = 0x514649fb;
/** Version 2 ends here; version 3 goes on with feature bits. */
const HEADER_2_BYTES = 72;
const HEADER_3_BYTES = 104;
/** Incompatible feature bit 2: the data is in a file of its own. */
const EXTERNAL_DATA = 1n << 2n;

export function isQcow2(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === MAGIC;
}

/**
 * Size of the disk in bytes. `name`: for messages. Throws TplError `qcow2-…` for what cannot be taken in by itself:
 * one on a backing file, with its data elsewhere, encrypted, of an unknown version, or cut off.
 */
export function qcow2DiskBytes(name: string, head: Buffer): number {
  const version = head.length >= HEADER_2_BYTES ? head.readUInt32BE(4) : undefined;
  if (version !== 2 && version !== 3) throw refused("qcow2-unknown", `${name} is no whole qcow2 file`);
  if (head.readBigUInt64BE(8) !== 0n)
    throw refused(
      "qcow2-backing-file",
      `${name} holds only what differs from another file`,
      `make it whole where it was made: qemu-img convert -O qcow2 FILE WHOLE`,
    );
  if (head.readUInt32BE(32) !== 0)
    throw refused("qcow2-encrypted", `${name} is encrypted`, "decrypt it first");
  if (version === 3 && (head.length < HEADER_3_BYTES || (head.readBigUInt64BE(72) & EXTERNAL_DATA) !== 0n))
    throw refused("qcow2-external-data", `${name} has its data in another file`, "give that file: it is raw");
  return Number(head.readBigUInt64BE(24));
}

function refused(code: string, message: string, hint?: string): TplError {
  return new TplError({ code, message, ...(hint === undefined ? {} : { hint }) });
}
