/**
 * What is still to be uploaded: a file for each run, written before its upload begins and removed when all of it is
 * there. So an upload that failed, or was killed, is tried again by the next run, or by `store push`.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../names-in.ts";
import { writeAtomically } from "../temporary.ts";

export interface PendingUpload {
  run: string;
  /** Of the records, in the order of the steps. */
  keys: string[];
  /** `NAME:TAG` */
  refs: string[];
}

export interface PendingUploads {
  add(upload: PendingUpload): void;
  /** The oldest first. */
  list(): PendingUpload[];
  remove(run: string): void;
}

/** `folder`: what is remembered of the remote; below `storeFolder`. */
export function pendingUploads(storeFolder: string, folder: string): PendingUploads {
  const root = join(folder, "pending");
  return {
    add: (upload) =>
      writeAtomically(storeFolder, join(root, `${upload.run}.json`), `${JSON.stringify(upload)}\n`),
    list: () =>
      namesIn(root)
        .filter((name) => name.endsWith(".json"))
        .sort() // runs' ids begin with their time
        .map((name) => JSON.parse(readFileSync(join(root, name), "utf8")) as PendingUpload),
    remove: (run) => rmSync(join(root, `${run}.json`), { force: true }),
  };
}
