/**
 * What mke2fs would choose for a larger file system, so that a small one made with it is, when grown, as if it had been
 * made large. Growing keeps the journal's size and the number of inodes in a block group; in a file system of less
 * than a group mke2fs makes that number small, and every group that is added would have as few.
 */
import { MIB } from "./options.ts";

const BLOCKS_PER_GROUP = 32_768;

/** From this many blocks on, a journal of that many: `ext2fs_default_journal_size`, lib/ext2fs/mkjournal.c, for 4 KiB. */
const JOURNAL_BLOCKS: [fromBlocks: number, journalBlocks: number][] = [
  [2048, 1024],
  [32_768, 4096],
  [262_144, 8192],
  [524_288, 16_384],
  [4_194_304, 32_768],
  [8_388_608, 65_536],
  [16_777_216, 131_072],
  [33_554_432, 262_144],
];

export interface GrownLayout {
  /** For `-J size=`. */
  journalMiB: number;
  /** For `-N`. */
  inodes: number;
  /** For `-E resize=`: how large the table of group descriptors is to have room to grow to. */
  resizeBlocks: number;
}

/** Of a file system of `sizeMiB` in blocks of 4 KiB that will be grown to `growsToMiB`. */
export function grownLayout(options: {
  sizeMiB: number;
  growsToMiB: number;
  bytesPerInode: number;
}): GrownLayout {
  const blocks = blocksOf(options.sizeMiB);
  const grownBlocks = blocksOf(options.growsToMiB);
  const journalBlocks = JOURNAL_BLOCKS.findLast(([from]) => grownBlocks >= from)![1];
  const grownInodes = Math.floor((options.growsToMiB * MIB) / options.bytesPerInode);
  const inodesPerGroup = Math.ceil(grownInodes / groupsIn(grownBlocks));
  return {
    journalMiB: blocksToMiB(journalBlocks),
    inodes: inodesPerGroup * groupsIn(blocks),
    resizeBlocks: grownBlocks,
  };
}

/**
 * What a disk needs at least for it: inode tables (256 bytes an inode) and twice the journal, since mke2fs gives a
 * journal at most half of what is free (`figure_journal_size`, misc/util.c).
 */
export function neededMiB({ journalMiB, inodes }: GrownLayout): number {
  return 2 * journalMiB + Math.ceil((inodes * 256) / MIB) + 1;
}

function groupsIn(blocks: number): number {
  return Math.ceil(blocks / BLOCKS_PER_GROUP);
}

function blocksOf(mib: number): number {
  return mib * 256;
}

function blocksToMiB(blocks: number): number {
  return blocks / 256;
}
