/**
 * Hashing many pieces: on threads of their own, so that reading and writing go on meanwhile. They are started when
 * there is first enough to hash, shared by all in this process, and keep it alive only while they hash.
 */
import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { DIGEST_BYTES } from "../map.ts";
import { type FilePart, fill } from "./file-part.ts";
import { hashPiece, PIECE_BYTES } from "./hash-piece.ts";
import type { HashAnswer, HashedPiece, HashRequest } from "./protocol.ts";

/** Starting a thread takes as long as hashing this much. */
const WORTH_THREADS_BYTES = 32 * 1024 * 1024;
/** The thread that writes leaves half of a processor to them where there are two; more it cannot keep up with. */
const MAX_THREADS = 2;

export interface Hasher {
  /** Room for a piece, to be used again. */
  newPiece(): Buffer;
  /** As `hashPiece`, of (a part of) a piece of its own, which is not to change meanwhile. */
  hash(piece: Buffer): Promise<(Buffer | null)[]>;
  /**
   * The same, once the piece is filled with a part of a file, and zeros behind it. The bytes are read where they are
   * hashed. `filledBytes`: how much of the part there was. Rejects with what reading throws.
   */
  readAndHash(piece: Buffer, from: FilePart): Promise<{ filledBytes: number; digests: (Buffer | null)[] }>;
}

/** `totalBytes`: how much there will be to hash, roughly. */
export function hasherFor(totalBytes: number): Hasher {
  if (totalBytes < WORTH_THREADS_BYTES) return HERE;
  threads ??= new HashThreads(Math.min(MAX_THREADS, availableParallelism()));
  return threads;
}

const HERE: Hasher = {
  newPiece: () => Buffer.allocUnsafeSlow(PIECE_BYTES),
  hash: async (piece) => hashPiece(piece),
  async readAndHash(piece, from) {
    const filledBytes = await fill(piece, from);
    return { filledBytes, digests: hashPiece(piece) };
  },
};

let threads: HashThreads | undefined;

class HashThreads implements Hasher {
  readonly #threads: HashThread[];

  constructor(count: number) {
    this.#threads = Array.from({ length: count }, () => new HashThread());
  }

  newPiece(): Buffer {
    return Buffer.from(new SharedArrayBuffer(PIECE_BYTES));
  }

  async hash(piece: Buffer): Promise<(Buffer | null)[]> {
    return digestsOf(await this.#least().ask(piece));
  }

  async readAndHash(piece: Buffer, from: FilePart) {
    const hashed = await this.#least().ask(piece, from);
    return { filledBytes: hashed.filledBytes, digests: digestsOf(hashed) };
  }

  #least(): HashThread {
    return this.#threads.reduce((a, b) => (b.waiting < a.waiting ? b : a));
  }
}

class HashThread {
  readonly #worker: Worker;
  readonly #asked = new Map<number, PromiseWithResolvers<HashedPiece>>();
  #lastId = 0;
  #fault: Error | undefined;

  constructor() {
    this.#worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on("message", (answer: HashAnswer) => {
      const asked = this.#asked.get(answer.id)!;
      this.#asked.delete(answer.id);
      if (this.#asked.size === 0) this.#worker.unref();
      if ("error" in answer) asked.reject(answer.error);
      else asked.resolve(answer);
    });
    this.#worker.on("error", (error: Error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("bug: a hashing thread has ended")));
  }

  get waiting(): number {
    return this.#asked.size;
  }

  ask(piece: Buffer, from?: FilePart): Promise<HashedPiece> {
    if (this.#fault) return Promise.reject(this.#fault);
    const asked = Promise.withResolvers<HashedPiece>();
    const id = ++this.#lastId;
    if (this.#asked.size === 0) this.#worker.ref();
    this.#asked.set(id, asked);
    const { buffer: memory, byteOffset: offset, length } = piece;
    this.#worker.postMessage({
      id,
      memory: memory as SharedArrayBuffer,
      offset,
      length,
      ...(from && { from }),
    } satisfies HashRequest);
    return asked.promise;
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}

function digestsOf({ digests, zeros }: HashedPiece): (Buffer | null)[] {
  const all = Buffer.from(digests.buffer, digests.byteOffset, digests.length);
  return Array.from({ length: all.length / DIGEST_BYTES }, (_, place) =>
    zeros.includes(place) ? null : all.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES),
  );
}
