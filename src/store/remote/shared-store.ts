/** What machines share: blobs and names on a remote, and records there or in redis. Opened when it is first needed. */
import { join } from "node:path";
import type { TplError } from "../../engine/errors.ts";
import { openObjects, type RemoteOptions } from "../objects/open.ts";
import { type SharedRecords, sharedRecords } from "../records/shared.ts";
import { withBreaker } from "./breaker.ts";
import { withFormatCheck } from "./format-check.ts";
import { checkFormat } from "./layout.ts";
import { type RemoteBlobs, remoteBlobs } from "./remote-blobs.ts";
import { remoteFolder } from "./remote-folder.ts";
import { type RemoteRefs, remoteRefs } from "./remote-refs.ts";

/** Plain JSON; credentials are the drivers' to find, but for those in redis's URL. */
export type SharedOptions = {
  remote: RemoteOptions;
  /** `sqlite`: each machine has its own. Else the remote, or `redis://…`. */
  records: "sqlite" | "remote" | `redis://${string}` | `rediss://${string}`;
  /** How large the local store may become, as far as the remote has what it holds. */
  cacheMaxBytes?: number;
};

export interface SharedStore {
  /** `s3://bucket/prefix` */
  name: string;
  blobs: RemoteBlobs;
  refs: RemoteRefs;
  /** Absent: each machine has its own. */
  records?: SharedRecords;
  /** Asks whether the remote answers, and redis where records are there, and whether this program knows its format. Throws TplError `store-…`. */
  check(): Promise<void>;
  close(): void;
}

/** `storeFolder`: the local store's. Nothing is asked of the remote yet. */
export async function openSharedStore(
  { remote, records }: SharedOptions,
  { storeFolder, ...around }: { storeFolder: string; now(): number; onTrouble(error: TplError): void },
): Promise<SharedStore> {
  const objects = withBreaker(withFormatCheck(await openObjects(remote)), around);
  const place = records === "remote" ? { objects } : { redis: records };
  const shared = records === "sqlite" ? undefined : await sharedRecords(place);
  return {
    name: objects.name,
    blobs: remoteBlobs({ objects, indexFolder: join(remoteFolder(storeFolder, remote), "indexes") }),
    refs: remoteRefs(objects),
    ...(shared ? { records: shared } : {}),
    async check() {
      await checkFormat(objects);
      await shared?.get("0".repeat(64));
    },
    close() {
      shared?.close();
      objects.close();
    },
  };
}
