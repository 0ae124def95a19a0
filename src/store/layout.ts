/**
 * The store's folder, as format 3 lays it out:
 *
 *     store.json        {"schema": "tplgraph.store/3"}
 *     packs/{index.sqlite, N.pack, N.verified}   blobs/ab/cdef…    damaged/…    tmp/…
 *     records.sqlite    refs/NAME/TAG.json    runs/RUN/{started.json, NODE.log, record.json}
 *     journal/RUN.jsonl, holds/RUN.json: what goes on, and what it uses (image/host/journal-file.ts, image/holders.ts)
 *
 * In format 1 there are no packs, and no image's map has segments; in format 2 the maps have larger ones, all named in
 * their root. Both are read as they are, and become 3 when the first blob is written: from then on a program that knows
 * the earlier ones alone refuses the store.
 */
import { accessSync, constants, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TplError } from "../engine/errors.ts";
import { storeFault, systemCode } from "./fault.ts";
import { removeLeftovers, writeAtomically } from "./temporary.ts";

const FORMAT = 3;

export interface OpenedFolder {
  readOnly: boolean;
}

export interface OpenFolderOptions {
  create: "if-missing" | "never";
  mode: "read" | "write";
  nowMs: number;
}

/**
 * Opens the store in `path`, to write where that is wanted and permitted. Throws TplError `store-missing`,
 * `store-newer`, `store-not-a-folder`, `store-not-empty` (a folder of other things), `store-no-permission`.
 */
export function openFolder(path: string, options: OpenFolderOptions): OpenedFolder {
  if (formatOf(path) === undefined) {
    if (options.create === "never" || options.mode === "read") throw missing(path);
    createStore(path);
  }
  if (options.mode === "read" || !isWritable(path)) return { readOnly: true };
  makeFolders(path);
  removeLeftovers(join(path, "tmp"), options.nowMs);
  return { readOnly: false };
}

/** To be called before something is written that earlier formats do not have. `path`: the store's folder. */
export function raiseFormat(path: string): void {
  const format = formatOf(path);
  if (format !== undefined && format < FORMAT) writeFormat(path);
}

/** Undefined: there is nothing, an empty folder, or one whose creation was cut short. */
function formatOf(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(path, "store.json"), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw storeFault(error, `open the store ${path}`);
  }
  const format = /^tplgraph\.store\/(\d+)$/.exec(schemaOf(text) ?? "")?.[1];
  if (format === undefined)
    throw new TplError({
      code: "store-damaged",
      message: `${join(path, "store.json")} is not a tplgraph store's`,
      hint: `if ${path} is your store, write {"schema":"tplgraph.store/${FORMAT}"} into that file`,
    });
  if (Number(format) > FORMAT)
    throw new TplError({
      code: "store-newer",
      message: `the store ${path} has format ${format}; this tplgraph knows formats up to ${FORMAT}`,
      hint: "update tplgraph, or choose another store with --store",
    });
  return Number(format);
}

function schemaOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { schema?: string } | null)?.schema;
  } catch {
    return undefined; // not JSON, so no schema: the caller reports it
  }
}

const FOLDERS = ["blobs", "tmp", "refs", "runs"];

/** Two processes may do it at once: each step is one that the other may have done. */
function createStore(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    const names = readdirSync(path);
    if (names.includes("store.json")) return; // another process was faster
    const foreign = names.filter((name) => !FOLDERS.includes(name));
    if (foreign.length > 0)
      throw new TplError({
        code: "store-not-empty",
        message: `${path} is no store, and not empty: it has ${foreign.slice(0, 3).join(", ")}`,
        hint: "choose an empty or a new folder with --store",
      });
    makeFolders(path);
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw notAFolder(path, error);
    throw storeFault(error, `make the store ${path}`);
  }
  writeFormat(path);
}

function writeFormat(path: string): void {
  writeAtomically(path, join(path, "store.json"), `{"schema":"tplgraph.store/${FORMAT}"}\n`, {
    durably: true,
  });
}

function makeFolders(path: string): void {
  for (const name of FOLDERS) mkdirSync(join(path, name), { recursive: true });
}

function isWritable(path: string): boolean {
  return ["", ...FOLDERS, "packs", "packs/index.sqlite", "records.sqlite"].every((name) => {
    try {
      accessSync(join(path, name), constants.W_OK);
      return true;
    } catch (error) {
      return systemCode(error) === "ENOENT";
    }
  });
}

function notAFolder(path: string, cause: unknown): TplError {
  return new TplError({
    code: "store-not-a-folder",
    message: `the store ${path} is not a folder`,
    hint: "choose a folder with --store",
    cause,
  });
}

function missing(path: string): TplError {
  return new TplError({
    code: "store-missing",
    message: `there is no store in ${path}`,
    hint: "tplgraph run makes one; or choose another with --store",
  });
}
