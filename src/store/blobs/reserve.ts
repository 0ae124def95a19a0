/**
 * Room set aside on the store's disk, `packs/reserve`: removing something from a database takes some first, and a disk
 * that is full is when one wants to remove.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TplError } from "../../engine/errors.ts";

/** The log of removing some thousand chunks before it is written back. */
const RESERVE_BYTES = 256 * 1024;

/** Where there is no room, there is no reserve. `folder`: the store's. */
export function makeReserve(folder: string): void {
  const path = reservePath(folder);
  if (existsSync(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(RESERVE_BYTES, 0xff), { flag: "wx" });
  } catch {
    rmSync(path, { force: true }); // not for a part of it: what is there must be worth removing
  }
}

/** `act`, which makes room; if there is none to begin with, once more without the reserve. */
export function freeingReserve<T>(folder: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TplError) || error.code !== "store-full") throw error;
    rmSync(reservePath(folder), { force: true });
    return act();
  }
}

function reservePath(folder: string): string {
  return join(folder, "packs", "reserve");
}
