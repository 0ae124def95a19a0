/**
 * Features of an ext4 file system by e2fsprogs' names (lib/e2p/feature.c); the bits are those of the kernel's
 * Documentation/filesystems/ext4/super.rst. Unknown bits are named as e2fsprogs does, `FEATURE_I17`.
 */

/**
 * What a new file system has: the whole list, so that a machine's /etc/mke2fs.conf does not decide. These are
 * the defaults of e2fsprogs 1.47.0 for ext4 without orphan_file, which e2fsprogs and kernels of 2022 lack.
 * `64bit` and `metadata_csum` cost nothing here and let the file system be checked and grown beyond 16 TiB.
 */
export const DEFAULT_FEATURES = [
  "has_journal",
  "ext_attr",
  "resize_inode",
  "dir_index",
  "filetype",
  "extent",
  "64bit",
  "flex_bg",
  "sparse_super",
  "large_file",
  "huge_file",
  "dir_nlink",
  "extra_isize",
  "metadata_csum",
] as const;

const COMPAT: Record<number, string> = {
  0: "dir_prealloc",
  1: "imagic_inodes",
  2: "has_journal",
  3: "ext_attr",
  4: "resize_inode",
  5: "dir_index",
  6: "lazy_bg",
  8: "snapshot_bitmap",
  9: "sparse_super2",
  10: "fast_commit",
  11: "stable_inodes",
  12: "orphan_file",
};

const INCOMPAT: Record<number, string> = {
  0: "compression",
  1: "filetype",
  2: "needs_recovery",
  3: "journal_dev",
  4: "meta_bg",
  6: "extent",
  7: "64bit",
  8: "mmp",
  9: "flex_bg",
  10: "ea_inode",
  12: "dirdata",
  13: "metadata_csum_seed",
  14: "large_dir",
  15: "inline_data",
  16: "encrypt",
  17: "casefold",
};

const RO_COMPAT: Record<number, string> = {
  0: "sparse_super",
  1: "large_file",
  3: "huge_file",
  4: "uninit_bg",
  5: "dir_nlink",
  6: "extra_isize",
  7: "snapshot",
  8: "quota",
  9: "bigalloc",
  10: "metadata_csum",
  11: "replica",
  12: "read-only",
  13: "project",
  14: "shared_blocks",
  15: "verity",
  16: "orphan_present",
};

/** Names of the bits set in the superblock's three feature words. */
export function featureNames(compat: number, incompat: number, readOnlyCompat: number): string[] {
  return [
    ...namesOf(compat, COMPAT, "C"),
    ...namesOf(incompat, INCOMPAT, "I"),
    ...namesOf(readOnlyCompat, RO_COMPAT, "R"),
  ];
}

function namesOf(word: number, names: Record<number, string>, letter: string): string[] {
  const set = Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);
  return set.map((bit) => names[bit] ?? `FEATURE_${letter}${bit}`);
}
