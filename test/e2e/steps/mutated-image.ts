/**
 * Small ext4 images, damaged at random where it hurts: from the same seed always the same. What each kind of base has
 * in it was made by `mke2fs -d`, so no kernel was asked.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSuperblock } from "../../../src/plugins/ext4/superblock.ts";

/** With checksums most damage is found at once; without, it gets as far as the code that reads the structure. */
const KINDS = [
  ["-t", "ext4"],
  ["-t", "ext4", "-O", "^metadata_csum,^64bit"],
  ["-t", "ext4", "-O", "^metadata_csum,^has_journal,inline_data,ea_inode"],
  ["-t", "ext3", "-O", "^resize_inode"],
  ["-t", "ext2"],
];

const CONTENT = `
mkdir -p a/b/c many; cd many; for i in {1..120}; do echo $i > file-with-a-name-that-fills-blocks-$i; done; cd ..
head -c 90000 /dev/urandom > a/large; truncate -s 3M a/sparse; echo end >> a/sparse; ln a/large a/b/hard
ln -s a/large link; ln -s "$(printf 'x%.0s' {1..200})" long-link; mkfifo fifo; mknod null c 1 3
setfattr -n user.one -v "$(printf 'v%.0s' {1..300})" a/large; setfattr -n user.two -v 2 a; setfacl -m u:7:r a/b
`;

/** The bytes of one image of each kind. `folder` is empty. */
export function baseImages(folder: string): Buffer[] {
  const content = join(folder, "content");
  mkdirSync(content);
  execFileSync("bash", ["-ec", CONTENT], { cwd: content });
  return KINDS.map((options, i) => {
    const file = join(folder, `base-${i}`);
    const journal = options.includes("ext2") || options[3]?.includes("^has_journal") ? [] : ["-J", "size=1"];
    const args = ["-q", "-b", "1024", "-N", "200", ...options, ...journal, "-d", content, file, "2560"];
    execFileSync("mke2fs", args, { stdio: "pipe" });
    return readFileSync(file);
  });
}

/** A copy of one of `bases` with one to eight faults. */
export function mutated(bases: readonly Buffer[], seed: number): Buffer {
  const next = randomFrom(seed);
  const below = (limit: number) => next() % limit;
  const image = Buffer.from(bases[below(bases.length)]!);
  const places = placesOf(image);
  for (let faults = 1 + below(8); faults > 0; faults--) {
    const { offset, length } = places[below(places.length)]!;
    const at = offset + below(length);
    const word = at - (at % 4);
    const source = below(image.length - 1024);
    const faultKinds = [
      () => image.writeUInt8(image.readUInt8(at) ^ (1 << below(8)), at),
      () => image.writeUInt8(below(256), at),
      () => image.writeUInt32LE([0, 1, 0xffffffff, 0x7fffffff, below(4096)][below(5)]!, word),
      () => image.writeUInt16LE([0, 0xffff, below(65536)][below(3)]!, word),
      () => image.copy(image, word, source, source + 16),
      () => image.fill(0, at - (at % 1024), at - (at % 1024) + 1024),
      () => image.copy(image, at - (at % 1024), source - (source % 1024), source - (source % 1024) + 1024),
    ];
    // Whole blocks seldom: they hide all else.
    faultKinds[below(20) === 0 ? 5 + below(2) : below(5)]!();
  }
  return image;
}

interface Place {
  offset: number;
  length: number;
}

/** Superblock, group descriptors, bitmaps, the inodes in use, and all blocks: each as likely as the others. */
function placesOf(image: Buffer): Place[] {
  const superblock = parseSuperblock(image.subarray(1024))!;
  const block = (number: number) => number * superblock.blockSizeBytes;
  const descriptor = image.subarray(block(2), block(2) + 64);
  const [bitmaps, inodeTable] = [descriptor.readUInt32LE(0), descriptor.readUInt32LE(8)];
  const inodes = { offset: block(inodeTable), length: superblock.inodeSizeBytes * 160 };
  // Behind the inodes lie the directories' blocks, the extents', and the attributes'.
  const behind = inodes.offset + superblock.inodeSizeBytes * 200;
  return [
    { offset: 1024, length: 1024 },
    { offset: block(2), length: 64 },
    { offset: block(bitmaps), length: 2048 },
    inodes,
    inodes,
    { offset: behind, length: 200 * 1024 },
    { offset: 0, length: image.length },
  ];
}

/** xorshift32 (Marsaglia, 2003): whole numbers from 0 to 2^32 - 1. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
