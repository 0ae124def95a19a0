/**
 * What the writer of a pack can tell of it when it is done. It is told before and after each batch of writes, and looks
 * whether anything else has changed the file between them. What else would be written within one tick of the clock after
 * a write of its own it cannot see, but no other process has business with a pack that is being written.
 */
import { type FileIdentity, fileIdentity } from "./file-identity.ts";
import { SlotDigests } from "./slot-digests.ts";
import { rememberSlots } from "./verified-packs.ts";

export class WrittenSlots {
  readonly #descriptor: number;
  readonly #slots = new SlotDigests();
  #identity: FileIdentity;
  #onlyOwn = true;

  /** `descriptor`: the pack's, which has just been made. */
  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#identity = fileIdentity(descriptor);
  }

  beforeBatch(): void {
    if (fileIdentity(this.#descriptor).text !== this.#identity.text) this.#onlyOwn = false;
  }

  /** What was written to `slot` has the digest `digest`. */
  wrote(slot: number, digest: Uint8Array): void {
    this.#slots.set(slot, digest);
  }

  afterBatch(): void {
    this.#identity = fileIdentity(this.#descriptor);
  }

  /** Nothing more is written. `folder`: the store's. */
  remember(folder: string, pack: number): void {
    this.beforeBatch();
    if (this.#onlyOwn) rememberSlots(folder, pack, this.#identity.text, this.#slots);
  }
}
