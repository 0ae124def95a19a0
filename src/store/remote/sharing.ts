/** What a store that shares with others can do beside the rest: push, pull, upload what was built, keep to its bound. */
import type { Artifact } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import type { TplError } from "../../engine/errors.ts";
import type { CacheRecord } from "../../engine/run/record.ts";
import type { Ref } from "../../engine/store.ts";
import type { PartsOf } from "../presence.ts";
import { type PendingUpload, type PendingUploads, pendingUploads } from "./pending.ts";
import type { PullReport } from "./pull.ts";
import type { InnerOf, PushReport, Shipment, TransferOptions } from "./push.ts";
import { remoteFolder } from "./remote-folder.ts";
import type { SharedOptions, SharedStore } from "./shared-store.ts";
import type { Trimmed } from "./trim.ts";

export interface Sharing {
  readonly options: SharedOptions;
  /** Nothing is asked of the remote by it. */
  open(): Promise<SharedStore>;
  push(shipment: Shipment, options?: TransferOptions): Promise<PushReport>;
  pull(artifacts: readonly Artifact[], options?: TransferOptions): Promise<PullReport>;
  /** The records of a run with all they name, and its names, as far as they are still here: for `push`. */
  shipmentOf(upload: PendingUpload): Promise<Shipment>;
  readonly pending: PendingUploads;
  /** What was last wrong with the remote, if anything. */
  trouble(): TplError | undefined;
  /** Undefined: the store has no bound. */
  trim(): Promise<Trimmed | undefined>;
}

export interface SharingParts {
  /** The local store's folder. */
  path: string;
  local: BlobStore;
  blobs: BlobStore;
  shared(): Promise<SharedStore>;
  trouble(): TplError | undefined;
  partsOf: PartsOf;
  innerOf: InnerOf;
  options: SharedOptions;
  record(key: string): Promise<CacheRecord | undefined>;
  ref(name: string): Promise<Ref | undefined>;
}

export function sharing(parts: SharingParts): Sharing {
  const { local, blobs, shared, partsOf, innerOf, options: sharedOptions } = parts;
  const { cacheMaxBytes } = sharedOptions;
  const push: Sharing["push"] = async (shipment, options) => {
    const { push: pushTo } = await import("./push.ts");
    return pushTo(shipment, { blobs, partsOf, innerOf }, await shared(), options);
  };
  return {
    options: sharedOptions,
    open: shared,
    push,
    async pull(artifacts, options) {
      const { pull: pullFrom } = await import("./pull.ts");
      return pullFrom(artifacts, { local, blobs, partsOf }, await shared(), options);
    },
    async shipmentOf({ keys, refs: names }) {
      // What was collected or disowned since then is nothing to upload.
      const records = await present(keys, parts.record);
      const refs = await present(names, parts.ref);
      const artifacts = [...records, ...refs].flatMap(({ outputs }) => Object.values(outputs));
      return { artifacts, records, refs };
    },
    pending: pendingUploads(parts.path, remoteFolder(parts.path, sharedOptions.remote)),
    trouble: parts.trouble,
    async trim() {
      if (cacheMaxBytes === undefined || local.readOnly) return undefined;
      const { trim } = await import("./trim.ts");
      return trim(local, shared, { maxBytes: cacheMaxBytes });
    },
  };
}

async function present<T>(
  names: readonly string[],
  get: (name: string) => Promise<T | undefined>,
): Promise<T[]> {
  const found = await Promise.all(names.map(get));
  return found.filter((one): one is Awaited<T> & T => one !== undefined);
}
