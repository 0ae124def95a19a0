/**
 * The conformance suite of blob storage: what every driver in `store/blobs/` promises. A driver's own test calls
 * `testBlobStore` and adds its regressions.
 */
import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Digest } from "../engine/artifact.ts";
import { type BlobStore, CHUNK_BYTES } from "../engine/blobs.ts";
import { digestOf, hexOf } from "../store/blobs/digest.ts";

export interface BlobStoreUnderTest {
  /** Empty and writable. */
  blobs: BlobStore;
  /** Replaces what is stored under `digest` behind the driver's back. */
  damage(digest: Digest, data: Uint8Array): void | Promise<void>;
  /** Called when the test is done. */
  dispose?(): void | Promise<void>;
}

/** Declares the suite; `make` gives each test a store of its own. */
export function testBlobStore(name: string, make: () => Promise<BlobStoreUnderTest>): void {
  const open = async () => {
    const made = await make();
    onTestFinished(() => made.dispose?.());
    return made;
  };
  const put = async (blobs: BlobStore, data: Uint8Array) => {
    const digest = digestOf(data);
    await blobs.put(digest, data);
    return digest;
  };

  describe(`${name} is a blob store`, () => {
    test.for([0, 1, 4096, CHUNK_BYTES, 1024 * 1024 + 1])(
      "gives back the %i bytes it was given",
      async (bytes) => {
        const { blobs } = await open();
        const data = randomBytes(bytes);
        const digest = await put(blobs, data);
        expect(await blobs.has(digest)).toBe(true);
        expect(data.equals(await blobs.get(digest))).toBe(true);
      },
    );

    test("keeps what it was given when the caller uses its buffer again", async () => {
      const { blobs } = await open();
      const data = Buffer.from("first");
      const digest = await put(blobs, data);
      data.write("later");
      expect((await blobs.get(digest)).toString()).toBe("first");
    });

    test("hands out content that the caller may change", async () => {
      const { blobs } = await open();
      const digest = await put(blobs, Buffer.from("first"));
      (await blobs.get(digest)).write("later");
      expect((await blobs.get(digest)).toString()).toBe("first");
    });

    test("stores a part of a larger buffer", async () => {
      const { blobs } = await open();
      const part = randomBytes(1000).subarray(100, 200);
      const digest = await put(blobs, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      expect(part.equals(await blobs.get(digest))).toBe(true);
    });

    test("reads chunks by their places, one or several at once, where it can", async () => {
      const { blobs } = await open();
      if (!blobs.chunks) return;
      const all = randomBytes(5 * CHUNK_BYTES);
      const chunkAt = (place: number) => all.subarray(place * CHUNK_BYTES, (place + 1) * CHUNK_BYTES);
      // Put in another order than they are read in, and two of them side by side.
      const digests: Digest[] = [];
      for (const place of [4, 0, 1, 3, 2]) digests[place] = await put(blobs, chunkAt(place));
      const reader = blobs.chunks(listOf(digests));
      for (const [offset, length] of [
        [17, 0],
        [4096, 512],
        [CHUNK_BYTES - 1, 1],
        [CHUNK_BYTES - 100, CHUNK_BYTES + 200],
        [0, all.length],
        [4 * CHUNK_BYTES + 1, CHUNK_BYTES - 1],
      ] as const) {
        const into = Buffer.alloc(length);
        const place = Math.floor(offset / CHUNK_BYTES);
        await reader.read(place, offset % CHUNK_BYTES, into);
        expect(into.equals(all.subarray(offset, offset + length))).toBe(true);
      }
    });

    test("verifies a chunk before its first part is handed out, and says what it has not", async () => {
      const { blobs, damage } = await open();
      if (!blobs.chunks) return;
      const [good, damaged] = [randomBytes(CHUNK_BYTES), randomBytes(CHUNK_BYTES)];
      const digests = [await put(blobs, good), await put(blobs, damaged), digestOf(Buffer.from("never"))];
      await damage(digests[1]!, Buffer.alloc(CHUNK_BYTES, 1));
      const reader = blobs.chunks(listOf(digests));
      await expect(reader.read(0, 10, Buffer.alloc(CHUNK_BYTES))).rejects.toMatchObject({
        code: "blob-corrupt",
      });
      await expect(reader.read(2, 0, Buffer.alloc(1))).rejects.toMatchObject({ code: "blob-missing" });
      await put(blobs, damaged);
      const into = Buffer.alloc(2 * CHUNK_BYTES);
      await reader.read(0, 0, into);
      expect(into.equals(Buffer.concat([good, damaged]))).toBe(true);
    });

    test("says blob-missing for what was never put", async () => {
      const { blobs } = await open();
      const digest = digestOf(Buffer.from("never"));
      expect(await blobs.has(digest)).toBe(false);
      await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-missing" });
    });

    test.for([
      ["flipped", Buffer.from("contenT")],
      ["cut short", Buffer.from("cont")],
      ["empty", Buffer.alloc(0)],
    ] as const)("never answers with content that is %s, and takes it anew", async ([, damaged]) => {
      const { blobs, damage } = await open();
      const data = Buffer.from("content");
      const digest = await put(blobs, data);
      await damage(digest, damaged);
      await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-corrupt" });
      await blobs.put(digest, data);
      expect(data.equals(await blobs.get(digest))).toBe(true);
    });

    test("holds what many calls put at once, also the same blob", async () => {
      const { blobs } = await open();
      const chunks = Array.from({ length: 50 }, () => randomBytes(CHUNK_BYTES));
      const digests = await Promise.all([...chunks, ...chunks].map((data) => put(blobs, data)));
      const read = await Promise.all(digests.map((digest) => blobs.get(digest)));
      expect(read.every((data, index) => data.equals(chunks[index % chunks.length]!))).toBe(true);
    });

    test("says of each put by how many bytes it has grown", async () => {
      const { blobs } = await open();
      for (const data of [randomBytes(CHUNK_BYTES), randomBytes(1000)]) {
        expect(await blobs.put(digestOf(data), data)).toBe(data.length);
        expect(await blobs.put(digestOf(data), data)).toBe(0);
      }
    });

    test("takes many chunks on their way to one image, where it can, and each once", async () => {
      const { blobs } = await open();
      const writer = blobs.chunkWriter?.();
      if (!writer) return; // then whoever has many puts each
      const known = randomBytes(CHUNK_BYTES);
      await put(blobs, known);
      const contents = [known, ...Array.from({ length: 20 }, () => randomBytes(CHUNK_BYTES))];
      let added = 0;
      const buffer = Buffer.alloc(2 * CHUNK_BYTES);
      for (const data of [...contents, ...contents]) {
        for (const at of [0, CHUNK_BYTES]) data.copy(buffer, at);
        const digest = Buffer.from(hexOf(digestOf(data)), "hex");
        const halves = [buffer.subarray(0, CHUNK_BYTES), buffer.subarray(CHUNK_BYTES)];
        added += await writer.put(halves.map((half) => ({ digest, data: half })));
      }
      await writer.finish();
      expect(added).toBe(20 * CHUNK_BYTES);
      for (const data of contents) expect(data.equals(await blobs.get(digestOf(data)))).toBe(true);
      expect(await listAll(blobs)).toHaveLength(contents.length);
    });

    test("lists every blob once with its size", async () => {
      const { blobs } = await open();
      const expected = new Map<Digest, number>();
      for (let bytes = 0; bytes < 300; bytes += 7) expected.set(await put(blobs, randomBytes(bytes)), bytes);
      for (const digest of expected.keys()) await blobs.put(digest, await blobs.get(digest));
      const listed = await listAll(blobs);
      expect(listed).toHaveLength(expected.size);
      expect(new Map(listed.map((blob) => [blob.digest, blob.bytes]))).toEqual(expected);
    });

    test("an empty one lists nothing", async () => {
      const { blobs } = await open();
      expect(await listAll(blobs)).toEqual([]);
    });

    test("removes a blob, and does not mind one that is not there", async () => {
      const { blobs } = await open();
      const digest = await put(blobs, Buffer.from("gone"));
      await blobs.remove(digest);
      await blobs.remove(digest);
      expect(await blobs.has(digest)).toBe(false);
      await expect(blobs.get(digest)).rejects.toMatchObject({ code: "blob-missing" });
    });

    test("lets nothing but a digest become a name", async () => {
      const { blobs } = await open();
      await expect(blobs.put("sha256:../../evil", Buffer.from("x"))).rejects.toThrow("not a digest");
    });
  });
}

async function listAll(blobs: BlobStore): Promise<{ digest: Digest; bytes: number }[]> {
  const listed = [];
  for await (const blob of blobs.list()) listed.push(blob);
  return listed;
}

/** As an image's map has them. */
function listOf(digests: readonly Digest[]): Buffer {
  return Buffer.concat(digests.map((digest) => Buffer.from(hexOf(digest), "hex")));
}
