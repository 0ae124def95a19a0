import { expect, test } from "vitest";
import type { Digest, FileArtifact } from "../../src/engine/artifact.ts";
import { spaceOf } from "../../src/store/space.ts";
import { openStore } from "../../src/store/store.ts";
import { scratchFolder } from "./scratch.ts";

//  a: one blob of its own (3 bytes) and one shared (5) · b: the shared one · 7 bytes that nobody has
test("is what an artifact alone has, what it shares, and what nobody has", async () => {
  const store = await openStore({ path: scratchFolder() });
  const put = (text: string) => store.putBlob(Buffer.from(text));
  const [own, shared] = [await put("own"), await put("share")];
  await put("nobody!");
  const stored = (digest: Digest) => ({
    artifact: { type: "file", digest, bytes: 1 } satisfies FileArtifact,
    refs: [],
    producers: [],
  });
  const { bytes, unusedBytes, artifacts } = await spaceOf(
    [stored(own), stored(shared)],
    store.blobs,
    async ({ digest }) => (digest === own ? [shared] : []),
  );
  expect({ bytes, unusedBytes }).toEqual({ bytes: 15, unusedBytes: 7 });
  expect(artifacts.map((one) => [one.bytes, one.ownBytes])).toEqual([
    [8, 3],
    [5, 0],
  ]);
});
