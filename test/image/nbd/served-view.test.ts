/** A view that is served: what its store does to one request concerns that request alone. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Digest } from "../../../src/engine/artifact.ts";
import type { BlobStore } from "../../../src/engine/blobs.ts";
import { TplError } from "../../../src/engine/errors.ts";
import { CHUNK_BYTES, digestOf, emptyMap } from "../../../src/image/map.ts";
import { loadMap } from "../../../src/image/stored-map.ts";
import { type CowView, openView } from "../../../src/image/view.ts";
import { memoryBlobs } from "../../../src/store/blobs/memory.ts";
import { seeded } from "../seeded.ts";
import { type ServerFixture, startServer } from "./server-fixture.ts";

const READ = 0;
const EIO = 5;
const CHUNKS = 8;

let fixture: ServerFixture;
let folder: string;
let view: CowView;
const content = seeded(40).bytes(CHUNKS * CHUNK_BYTES);
/** What the store does with each chunk's digest, before it answers. */
let onRead: (digest: Digest) => Promise<void>;
let digests: Digest[];

beforeEach(async () => {
  fixture = await startServer();
  folder = await mkdtemp(join(tmpdir(), "served-"));
  const blobs = memoryBlobs();
  const empty = await openView({ blobs, map: emptyMap(content.length), overlayPath: join(folder, "source") });
  await empty.write(0, content);
  const map = await loadMap(blobs, await empty.seal());
  await empty.close();
  digests = Array.from({ length: CHUNKS }, (_, index) => digestOf(map, index)!);
  onRead = async () => {};
  view = await openView({ blobs: asked(blobs), map, overlayPath: join(folder, "overlay") });
  fixture.server.addExport("disk", view);
});
afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
  await view.close();
  await rm(folder, { recursive: true });
});

function asked(blobs: BlobStore): BlobStore {
  return {
    ...blobs,
    async get(digest) {
      await onRead(digest);
      return await blobs.get(digest);
    },
  };
}

test.each([
  ["a part of a chunk", 4096],
  ["whole chunks", CHUNK_BYTES],
])("a slow read of the store delays the request for %s alone", async (_, length) => {
  const slow = Promise.withResolvers<void>();
  onRead = (digest) => (digest === digests[3] ? slow.promise : Promise.resolve());
  const client = await fixture.connect();
  await client.go("disk");
  for (let index = 0; index < CHUNKS; index++)
    client.request({ type: READ, offset: index * CHUNK_BYTES, length, cookie: index });
  const answered: number[] = [];
  for (let count = 1; count < CHUNKS; count++) {
    const { cookie, data } = await client.reply(length);
    expect(data.equals(content.subarray(cookie * CHUNK_BYTES, cookie * CHUNK_BYTES + length))).toBe(true);
    answered.push(cookie);
  }
  expect(answered.toSorted()).toEqual([0, 1, 2, 4, 5, 6, 7]);
  slow.resolve();
  expect(await client.reply(length)).toMatchObject({ error: 0, cookie: 3 });
});

test("a read of the store that fails is that request's EIO with the cause named, and the next one tries again", async () => {
  let fails = true;
  onRead = async (digest) => {
    if (fails && digest === digests[2])
      throw new TplError({ code: "store-unreachable", message: "the bucket is away" });
  };
  const client = await fixture.connect();
  await client.go("disk", { structured: true });
  client.request({ type: READ, offset: CHUNK_BYTES, length: 3 * CHUNK_BYTES, cookie: 1 });
  const [error] = await client.chunks();
  expect(error).toMatchObject({ type: 0x8001, cookie: 1 });
  expect(error!.payload.readUInt32BE(0)).toBe(EIO);
  expect(error!.payload.toString("utf8", 6)).toContain("the bucket is away");
  expect(fixture.log).toEqual([expect.stringContaining("the bucket is away")]);
  expect(view.fault()).toMatchObject({ code: "store-unreachable" });
  client.request({ type: READ, offset: 0, length: CHUNK_BYTES, cookie: 2 });
  expect(await client.chunks()).toMatchObject([{ type: 1, cookie: 2 }]);
  fails = false;
  client.request({ type: READ, offset: CHUNK_BYTES, length: 3 * CHUNK_BYTES, cookie: 3 });
  const again = await client.chunks();
  expect(again[0]!.payload.subarray(8).equals(content.subarray(CHUNK_BYTES, 4 * CHUNK_BYTES))).toBe(true);
});

test("a server that is closed in the middle of a request answers it first", async () => {
  const slow = Promise.withResolvers<void>();
  onRead = () => slow.promise;
  const client = await fixture.connect();
  await client.go("disk");
  client.request({ type: READ, length: 10, cookie: 1 });
  client.request({ type: READ, offset: CHUNK_BYTES, length: 10, cookie: 2 });
  await expect.poll(() => view.stats().readBytes).toBe(2 * CHUNK_BYTES);
  const closing = fixture.server.close();
  slow.resolve();
  const cookies = [(await client.reply(10)).cookie, (await client.reply(10)).cookie];
  expect(cookies.toSorted()).toEqual([1, 2]);
  expect(await client.takeRest()).toHaveLength(0);
  await closing;
});
