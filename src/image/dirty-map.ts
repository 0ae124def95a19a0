/**
 * What a copy-on-write view has changed, for each 4 KiB block: clean (the image's), written (the overlay's) or
 * zeroed. Kept in pages of 64 MiB of disk (4 KiB of memory each) that exist only where something changed, so
 * that discarding a whole terabyte, as mkfs does, costs thousands of steps and not hundreds of millions.
 */
import { CHUNK_BYTES } from "./map.ts";

/** The page size of the systems that write to us: a smaller write is completed from what was there. */
export const BLOCK_BYTES = 4096;
const BLOCKS_PER_CHUNK = CHUNK_BYTES / BLOCK_BYTES;

const CHUNKS_PER_PAGE = 1024;
const ALL_BLOCKS = 0xffff;

export type BlockState = "clean" | "written" | "zeroed";

/** One bit a block of a chunk, the lowest the first block. No block is in both. */
interface Page {
  written: Uint16Array;
  zeroed: Uint16Array;
}

export class DirtyMap {
  readonly #pages = new Map<number, Page>();
  readonly #imageHas: (firstChunk: number, endChunk: number) => boolean;

  /** `imageHas`: whether the image has data in a range of chunks. Where it has none, zeroed is the same as clean. */
  constructor(imageHas: (firstChunk: number, endChunk: number) => boolean) {
    this.#imageHas = imageHas;
  }

  stateOf(block: number): BlockState {
    const chunk = Math.floor(block / BLOCKS_PER_CHUNK);
    const page = this.#pages.get(Math.floor(chunk / CHUNKS_PER_PAGE));
    if (!page) return "clean";
    const bit = 1 << (block % BLOCKS_PER_CHUNK);
    const inPage = chunk % CHUNKS_PER_PAGE;
    if (page.written[inPage]! & bit) return "written";
    return page.zeroed[inPage]! & bit ? "zeroed" : "clean";
  }

  /** The first block after `block` with another state, at most `endBlock`. */
  endOfRun(block: number, endBlock: number): number {
    const state = this.stateOf(block);
    let next = block + 1;
    while (next < endBlock) {
      const skip = this.#wholeSame(next, state);
      if (skip > 0) next += skip;
      else if (this.stateOf(next) === state) next++;
      else break;
    }
    return Math.min(next, endBlock);
  }

  /** `[firstBlock, endBlock)` is in the overlay now. */
  markWritten(firstBlock: number, endBlock: number): void {
    forEachChunk(firstBlock, endBlock, (chunk, mask) => {
      const page = this.#page(chunk);
      page.written[chunk % CHUNKS_PER_PAGE]! |= mask;
      page.zeroed[chunk % CHUNKS_PER_PAGE]! &= ~mask;
    });
  }

  /** `[firstBlock, endBlock)` is zeros now, whatever the overlay or the image has there. */
  markZeroed(firstBlock: number, endBlock: number): void {
    const pageBlocks = CHUNKS_PER_PAGE * BLOCKS_PER_CHUNK;
    for (let block = firstBlock; block < endBlock; ) {
      const page = Math.floor(block / pageBlocks);
      const end = Math.min((page + 1) * pageBlocks, endBlock);
      if (end - block === pageBlocks) this.#zeroPage(page);
      else this.#zeroWithinPage(block, end);
      block = end;
    }
  }

  /** Indexes of the chunks in which something is not clean, ascending. */
  dirtyChunks(): number[] {
    const chunks: number[] = [];
    for (const number of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const page = this.#pages.get(number)!;
      for (let index = 0; index < CHUNKS_PER_PAGE; index++) {
        if (page.written[index] || page.zeroed[index]) chunks.push(number * CHUNKS_PER_PAGE + index);
      }
    }
    return chunks;
  }

  /** Blocks in the overlay. */
  writtenBlocks(): number {
    let blocks = 0;
    for (const page of this.#pages.values()) for (const mask of page.written) blocks += bitCount(mask);
    return blocks;
  }

  #page(chunk: number): Page {
    const number = Math.floor(chunk / CHUNKS_PER_PAGE);
    let page = this.#pages.get(number);
    if (!page) {
      page = { written: new Uint16Array(CHUNKS_PER_PAGE), zeroed: new Uint16Array(CHUNKS_PER_PAGE) };
      this.#pages.set(number, page);
    }
    return page;
  }

  #zeroPage(number: number): void {
    const first = number * CHUNKS_PER_PAGE;
    if (this.#imageHas(first, first + CHUNKS_PER_PAGE)) {
      this.#zeroWithinPage(first * BLOCKS_PER_CHUNK, (first + CHUNKS_PER_PAGE) * BLOCKS_PER_CHUNK);
    } else {
      this.#pages.delete(number);
    }
  }

  #zeroWithinPage(firstBlock: number, endBlock: number): void {
    forEachChunk(firstBlock, endBlock, (chunk, mask) => {
      const inImage = this.#imageHas(chunk, chunk + 1);
      if (!inImage && !this.#pages.has(Math.floor(chunk / CHUNKS_PER_PAGE))) return;
      const page = this.#page(chunk);
      page.written[chunk % CHUNKS_PER_PAGE]! &= ~mask;
      if (inImage) page.zeroed[chunk % CHUNKS_PER_PAGE]! |= mask;
    });
  }

  /** How many blocks from `block` on, if it begins a chunk or page, are known to have `state` throughout; else 0. */
  #wholeSame(block: number, state: BlockState): number {
    if (block % BLOCKS_PER_CHUNK !== 0) return 0;
    const chunk = block / BLOCKS_PER_CHUNK;
    const page = this.#pages.get(Math.floor(chunk / CHUNKS_PER_PAGE));
    if (!page) {
      return state === "clean" ? (CHUNKS_PER_PAGE - (chunk % CHUNKS_PER_PAGE)) * BLOCKS_PER_CHUNK : 0;
    }
    const written = page.written[chunk % CHUNKS_PER_PAGE]!;
    const zeroed = page.zeroed[chunk % CHUNKS_PER_PAGE]!;
    const wanted =
      state === "written" ? written : state === "zeroed" ? zeroed : ~(written | zeroed) & ALL_BLOCKS;
    return wanted === ALL_BLOCKS ? BLOCKS_PER_CHUNK : 0;
  }
}

function forEachChunk(
  firstBlock: number,
  endBlock: number,
  visit: (chunk: number, mask: number) => void,
): void {
  for (let block = firstBlock; block < endBlock; ) {
    const chunk = Math.floor(block / BLOCKS_PER_CHUNK);
    const first = block % BLOCKS_PER_CHUNK;
    const end = Math.min(BLOCKS_PER_CHUNK, first + endBlock - block);
    visit(chunk, (ALL_BLOCKS << first) & (ALL_BLOCKS >>> (BLOCKS_PER_CHUNK - end)));
    block += end - first;
  }
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
