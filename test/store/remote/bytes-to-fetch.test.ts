import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Digest, ImageArtifact } from "../../../src/engine/artifact.ts";
import { CHUNK_BYTES } from "../../../src/engine/blobs.ts";
import type { PartsOf } from "../../../src/store/presence.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import { scratchFolder } from "../scratch.ts";

//   image ── its map, a blob of digests, one a line ──▶ chunks
const parts: PartsOf = async (artifact, blobs) =>
  artifact.type === "image" ? ((await blobs.get(artifact.digest)).toString().split("\n") as Digest[]) : [];

const random = Array.from({ length: 3 }, () => randomBytes(CHUNK_BYTES));
const compressible = Buffer.alloc(CHUNK_BYTES, "alike ");

async function stores() {
  const folder = scratchFolder();
  const shared = { remote: { url: join(folder, "remote") }, records: "remote" as const };
  const open = async (name: string): Promise<Store> => {
    const store = await openStore({ path: join(folder, name), shared, parts });
    onTestFinished(() => store.close());
    return store;
  };
  const first = await open("first");
  const image = async (chunks: readonly Buffer[]): Promise<ImageArtifact> => {
    const digests = await Promise.all(chunks.map((chunk) => first.putBlob(chunk)));
    const digest = await first.putBlob(Buffer.from(digests.join("\n")));
    return { type: "image", digest, bytes: chunks.length * CHUNK_BYTES };
  };
  const one = await image([random[0]!, random[1]!]);
  const other = await image([random[1]!, random[2]!, compressible]);
  await first.sharing!.push({ artifacts: [one, other] });
  return { folder, open, one, other };
}

test("what is not here counts as it travels, and once where two images have it in common", async () => {
  const { open, one, other } = await stores();
  const second = await open("second");
  const near = (bytes: number | undefined) => expect(Math.round((bytes! / CHUNK_BYTES) * 100) / 100);
  near(await second.bytesToFetch([one])).toBe(2);
  near(await second.bytesToFetch([other])).toBe(2);
  near(await second.bytesToFetch([one, other])).toBe(3);
  await second.sharing!.pull([one]);
  expect(await second.bytesToFetch([one])).toBe(0);
  near(await second.bytesToFetch([one, other])).toBe(1);
});

test("nothing is to be fetched where all is here, whatever the remote does", async () => {
  const { folder, open, one, other } = await stores();
  rmSync(join(folder, "remote"), { recursive: true });
  expect(await (await open("first")).bytesToFetch([one, other])).toBe(0);
});

test("it is unknown where the remote has it no more", async () => {
  const { folder, open, one } = await stores();
  rmSync(join(folder, "remote"), { recursive: true });
  expect(await (await open("second")).bytesToFetch([one])).toBeUndefined();
});
