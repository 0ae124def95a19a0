/**
 * Which chunks a store has as files of their own, from when its format was 1. None are added any more: a folder of
 * blobs is listed once, when it is first asked about, instead of a look for every chunk.
 */
import { join } from "node:path";
import type { Digest } from "../../engine/artifact.ts";
import { namesIn } from "../names-in.ts";
import { hexOf } from "./digest.ts";

export class LooseChunks {
  readonly #root: string;
  readonly #names = new Map<string, Set<string>>();

  /** `root`: the folder `blobs` of a store. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Whether there was such a file. There may be none by now. */
  had(digest: Digest): boolean {
    const hex = hexOf(digest);
    return this.#namesOf(hex.slice(0, 2)).has(hex.slice(2));
  }

  #namesOf(prefix: string): Set<string> {
    const known = this.#names.get(prefix);
    if (known) return known;
    const names = new Set(namesIn(join(this.#root, prefix)));
    this.#names.set(prefix, names);
    return names;
  }
}
