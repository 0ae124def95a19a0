/** A store whose blobs are far away: a folder in front of another one, of which a file tells what was fetched. */
import { appendFileSync } from "node:fs";
import type { BlobStore } from "../../../src/engine/blobs.ts";
import { folderBlobs } from "../../../src/store/blobs/folder.ts";
import { tieredBlobs } from "../../../src/store/remote/tiered.ts";

export function farBlobs(near: string, far: string, fetchedPath: string): BlobStore {
  const behind = folderBlobs(far);
  const remote: BlobStore = {
    ...behind,
    async get(digest) {
      appendFileSync(fetchedPath, `${digest}\n`);
      return await behind.get(digest);
    },
  };
  return tieredBlobs({ local: folderBlobs(near), remote: async () => remote, uses: "ignored" });
}
