/**
 * A remote store, as format 1 lays it out under its prefix:
 *
 *     format.json           {"schema": "tplgraph.remote/1"}
 *     packs/HEX.pack        blobs, many together; HEX is the sha256 of the pack     (pack-format.ts)
 *     packs/HEX.index       where in it each blob lies; written after the pack
 *     artifacts/HEX.json    which packs an image or a snapshot needs; after its packs
 *     records/AB/HEX        what the cache keeps under a key; after its artifacts
 *     refs/NAME/TAG.json    a name; last
 *
 * Everything but refs and records never changes. A reader that finds one of these finds all that it leads to.
 */
import type { Digest } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { hexOf } from "../blobs/digest.ts";
import type { ObjectStore } from "../objects/object-store.ts";

const FORMAT = 1;
export const FORMAT_KEY = "format.json";
export const PACKS = "packs/";

export function packKey(pack: string): string {
  return `${PACKS}${pack}.pack`;
}

export function indexKey(pack: string): string {
  return `${PACKS}${pack}.index`;
}

/** The pack whose index has this key; undefined for any other key. */
export function packOfIndexKey(key: string): string | undefined {
  return /^packs\/([0-9a-f]{64})\.index$/.exec(key)?.[1];
}

export function artifactKey(digest: Digest): string {
  return `artifacts/${hexOf(digest)}.json`;
}

/** Whether there is a remote store. Throws TplError `store-newer` or `store-damaged`. */
export async function checkFormat(objects: ObjectStore): Promise<"present" | "absent"> {
  let text: string;
  try {
    text = (await objects.get(FORMAT_KEY)).toString("utf8");
  } catch (error) {
    if (error instanceof TplError && error.code === "object-missing") return "absent";
    throw error;
  }
  const format = /"tplgraph\.remote\/(\d+)"/.exec(text)?.[1];
  if (format === undefined)
    throw new TplError({
      code: "store-damaged",
      message: `${FORMAT_KEY} of ${objects.name} is not a remote store's`,
      hint: "choose another prefix for remote.url",
    });
  if (Number(format) > FORMAT)
    throw new TplError({
      code: "store-newer",
      message: `the remote store ${objects.name} has format ${format}; this tplgraph knows formats up to ${FORMAT}`,
      hint: "update tplgraph, or choose another prefix for remote.url",
    });
  return "present";
}

export async function writeFormat(objects: ObjectStore): Promise<void> {
  await objects.put(FORMAT_KEY, formatObject());
}

export function formatObject(): Buffer {
  return Buffer.from(`{"schema":"tplgraph.remote/${FORMAT}"}\n`);
}
