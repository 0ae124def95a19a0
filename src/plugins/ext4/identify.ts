/**
 * Names what a file holds by its first bytes, for the message when it is not ext4. The magic numbers are those of
 * each format's own documentation, as collected in file(1)'s database.
 */

/** How much of a file has to be looked at: the farthest magic is that of btrfs, 64 KiB into it. */
export const HEAD_BYTES = 68 * 1024;

const MAGICS: { offset: number; magic: string | number[]; name: string }[] = [
  { offset: 0, magic: [0x51, 0x46, 0x49, 0xfb], name: "a qcow2 image" },
  { offset: 0, magic: "KDMV", name: "a VMDK image" },
  { offset: 64, magic: [0x7f, 0x10, 0xda, 0xbe], name: "a VirtualBox image" },
  { offset: 0, magic: "vhdxfile", name: "a VHDX image" },
  { offset: 0, magic: "XFSB", name: "an XFS file system" },
  { offset: 0x10040, magic: "_BHRfS_M", name: "a btrfs file system" },
  { offset: 0, magic: "hsqs", name: "a squashfs file system" },
  { offset: 1024, magic: [0xe2, 0xe1, 0xf5, 0xe0], name: "an EROFS file system" },
  { offset: 1024, magic: [0x10, 0x20, 0xf5, 0xf2], name: "an F2FS file system" },
  { offset: 0x8001, magic: "CD001", name: "an ISO 9660 file system" },
  { offset: 0, magic: "LUKS", name: "a LUKS volume" },
  { offset: 4086, magic: "SWAPSPACE2", name: "swap space" },
  { offset: 512, magic: "LABELONE", name: "an LVM physical volume" },
  { offset: 0, magic: [0x1f, 0x8b], name: "gzip-compressed data" },
  { offset: 0, magic: [0x28, 0xb5, 0x2f, 0xfd], name: "zstd-compressed data" },
  { offset: 0, magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], name: "xz-compressed data" },
  { offset: 0, magic: "BZh", name: "bzip2-compressed data" },
  { offset: 0, magic: "PK\u0003\u0004", name: "a ZIP archive" },
  { offset: 257, magic: "ustar", name: "a tar archive" },
  { offset: 0, magic: "!<arch>", name: "an ar archive" },
  { offset: 0, magic: [0x7f, 0x45, 0x4c, 0x46], name: "an ELF program" },
  { offset: 0, magic: "#!", name: "a script" },
  { offset: 512, magic: "EFI PART", name: "a disk with a GPT partition table" },
  { offset: 3, magic: "NTFS    ", name: "an NTFS file system" },
  { offset: 82, magic: "FAT32", name: "a FAT file system" },
  { offset: 54, magic: "FAT1", name: "a FAT file system" },
  // Last of the binary ones: a boot sector's signature is in several of the formats above too.
  { offset: 510, magic: [0x55, 0xaa], name: "a disk with a partition table" },
];

/** What `head`, the first `HEAD_BYTES` of a file, looks like; undefined where nothing is recognised. */
export function looksLike(head: Buffer): string | undefined {
  const known = MAGICS.find(({ offset, magic }) => {
    const bytes = Buffer.from(magic as string);
    return head.subarray(offset, offset + bytes.length).equals(bytes);
  });
  if (known) return known.name;
  if (head.every((byte) => byte === 0)) return "zeros";
  if (isText(head)) return "text";
  return undefined;
}

function isText(head: Buffer): boolean {
  return head.subarray(0, 4096).every((byte) => byte >= 0x20 || byte === 9 || byte === 10 || byte === 13);
}
