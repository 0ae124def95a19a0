/**
 * Whether an image can get another size in place. Growing and shrinking keep what the file system was made with: its
 * features and the number of inodes in a block group. Where those are to be others, it has to be made anew.
 */
import type { Superblock } from "../ext4/index.ts";
import type { FileSystemFacts } from "../nbd/index.ts";

export interface Shape {
  /** The whole list, by e2fsprogs' names. Absent: as they are. */
  features?: readonly string[] | undefined;
  /** Absent: as it is. */
  bytesPerInode?: number | undefined;
}

/** A type, not an interface: it is plain JSON, and stands in a key. */
export type Way = { way: "in-place" | "rebuild"; why: string };

/** `source`: its ext4 superblock, or the type of another file system. `only`: the template's own choice. */
export function chooseWay(
  source: Superblock | FileSystemFacts["type"],
  wanted: Shape,
  only: "auto" | Way["way"],
): Way {
  const obstacles =
    typeof source === "string" ? [`it holds ${source}, not ext4`] : obstaclesOf(source, wanted);
  if (only === "rebuild") return { way: "rebuild", why: "the template asks for it" };
  if (obstacles.length > 0) return { way: "rebuild", why: obstacles.join("; ") };
  return { way: "in-place", why: "features and inode ratio stay as they are" };
}

/** Features that come and go while a file system is used: a journal to be replayed, orphans, a directory of 2 GiB. */
const PASSING = new Set(["needs_recovery", "orphan_present", "large_file"]);

/** mke2fs rounds inodes to whole blocks of their tables: a ratio that differs by less is the same. */
const SAME_RATIO = 1.1;

function obstaclesOf(superblock: Superblock, { features, bytesPerInode }: Shape): string[] {
  const obstacles: string[] = [];
  if (features) {
    const has = superblock.features.filter((name) => !PASSING.has(name));
    const want = features.filter((name) => !PASSING.has(name));
    const missing = want.filter((name) => !has.includes(name));
    const surplus = has.filter((name) => !want.includes(name));
    const parts = [
      ...(missing.length > 0 ? [`without ${missing.join(", ")}`] : []),
      ...(surplus.length > 0 ? [`with ${surplus.join(", ")}`] : []),
    ];
    if (parts.length > 0) obstacles.push(`the file system was made ${parts.join(" and ")}`);
  }
  if (bytesPerInode !== undefined) {
    const now = bytesPerInodeOf(superblock);
    if (Math.max(now / bytesPerInode, bytesPerInode / now) > SAME_RATIO)
      obstacles.push(
        `its block groups have an inode for every ${Math.round(now)} bytes, not every ${bytesPerInode}`,
      );
  }
  return obstacles;
}

/** In a whole block group, as every group has that is added. */
function bytesPerInodeOf({ blocksPerGroup, blockSizeBytes, inodesPerGroup }: Superblock): number {
  return (blocksPerGroup * blockSizeBytes) / inodesPerGroup;
}
