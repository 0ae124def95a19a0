import { memoryBlobs } from "../../../src/store/blobs/memory.ts";
import { testBlobStore } from "../../../src/testing/blobs.ts";

testBlobStore("memory", async () => {
  const blobs = memoryBlobs();
  return { blobs, damage: (digest, data) => void blobs.content.set(digest, Buffer.from(data)) };
});
