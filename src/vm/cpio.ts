/**
 * A cpio archive in the "newc" format, which the kernel unpacks as an initramfs (kernel documentation,
 * driver-api/early-userspace/buffer-format). Equal entries give equal bytes: owner 0, time 0, inodes counted.
 */

export interface CpioEntry {
  /** Without a leading slash; parents stand before their children. */
  path: string;
  kind: "dir" | "file" | "symlink";
  /** Permission bits. */
  mode: number;
  /** A file's content, a symlink's target. */
  data?: Uint8Array | string;
}

const TYPE_BITS = { dir: 0o040000, file: 0o100000, symlink: 0o120000 };

export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const [i, entry] of entries.entries()) {
    const data = Buffer.from(entry.data ?? "");
    parts.push(
      header(entry.path, i + 1, TYPE_BITS[entry.kind] | entry.mode, data.length),
      data,
      padding(data.length),
    );
  }
  parts.push(header("TRAILER!!!", 0, 0, 0));
  return Buffer.concat(parts);
}

/** 110 bytes of hex fields, then the name with its NUL, padded to four bytes together. */
function header(path: string, inode: number, mode: number, sizeBytes: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, sizeBytes, 0, 0, 0, 0, name.length, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([Buffer.from(head), name, padding(head.length + name.length)]);
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
