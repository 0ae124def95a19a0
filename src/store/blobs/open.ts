/** The blobs of a store: its folder's and, where it has a remote, what is there behind them. */
import type { BlobStore } from "../../engine/blobs.ts";
import type { TplError } from "../../engine/errors.ts";
import type { SharedOptions, SharedStore } from "../remote/shared-store.ts";
import { tieredBlobs } from "../remote/tiered.ts";
import { folderBlobs } from "./folder.ts";

export interface OpenedBlobs {
  /** What is in the folder. */
  local: BlobStore;
  /** All there is. */
  blobs: BlobStore;
  /** The remote, opened once; absent where there is none. */
  shared?: () => Promise<SharedStore>;
  /** What was last wrong with the remote. */
  trouble(): TplError | undefined;
  close(): Promise<void>;
}

export interface OpenBlobsOptions {
  /** The store's folder. */
  path: string;
  readOnly?: boolean;
  shared?: SharedOptions | undefined;
  now?: (() => number) | undefined;
}

export function openBlobs(options: OpenBlobsOptions): OpenedBlobs {
  const { path, readOnly = false, shared: sharing, now = Date.now } = options;
  const local = folderBlobs(path, { readOnly });
  const closeLocal = async () => local.close?.();
  let trouble: TplError | undefined;
  if (!sharing) return { local, blobs: local, trouble: () => undefined, close: closeLocal };
  let opened: Promise<SharedStore> | undefined;
  const open = async () => {
    const { openSharedStore } = await import("../remote/shared-store.ts");
    const onTrouble = (error: TplError) => {
      trouble = error;
    };
    return openSharedStore(sharing, { storeFolder: path, now, onTrouble });
  };
  const shared = () => {
    opened ??= open();
    return opened;
  };
  const uses = sharing.cacheMaxBytes === undefined ? "ignored" : "kept";
  return {
    local,
    blobs: tieredBlobs({ local, remote: async () => (await shared()).blobs, uses }),
    shared,
    trouble: () => trouble,
    async close() {
      await closeLocal();
      (await opened)?.close();
    },
  };
}
