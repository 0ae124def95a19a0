/**
 * What was verified of a pack, remembered for other processes of this machine: `packs/N.verified`. Hashing is most of
 * the work of a first read, and a file that has not changed since its bytes were hashed need not be hashed again.
 *
 * - **What it says** holds for the pack's identity (`file-identity.ts`) and the machine's boot alone. A flipped byte or
 *   a cut changes the identity, and then nothing of the pack counts as verified. After another boot the bytes come from
 *   the disk, so that they are verified anew. Who wants to know of a disk that rots meanwhile verifies the store: `get`
 *   hashes whatever is remembered.
 * - **Each slot has its digest**, not a bit, so that an index that points to another slot is found out.
 * - **A reader** remembers what it has hashed if the identity was the same before the first and after the last of it.
 *   Times stand still for a tick of the kernel's clock, or for seconds on some file systems: a change within the tick of
 *   the one before would not show. So the pack must not have been changed for `SETTLED_MS` before the first look; then
 *   any change after it shows. (git calls an index entry without that distance "racily clean".)
 * - **A writer** remembers what it has written, as whoever appends a chunk has hashed it: when it has finished the pack,
 *   and if nothing but its own writes has changed it (`written-slots.ts`). A pack that is still appended to changes its
 *   identity all the time, so nobody remembers anything of it.
 * - **Two at once, or a crash**: who remembers something adds it to what others have remembered meanwhile. The file is
 *   written whole beside its place and renamed; of two at the same moment the last one wins, and what the other one knew
 *   costs hashing. A power cut may leave anything in it, under a boot that is over.
 * - **Whose word it is**: only a file of this user's or of root's is believed.
 */
import { closeSync, fstatSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryName } from "../temporary.ts";
import { SlotDigests } from "./slot-digests.ts";

/** More than what any local file system's times are apart (FAT has 2 s). */
export const SETTLED_MS = 3000;

const MAGIC = "tplgraph.verified/1";

export function verifiedPath(folder: string, pack: number): string {
  return join(folder, "packs", `${pack}.verified`);
}

/** Undefined: nothing is known of a pack with that identity. `folder`: the store's. */
export function rememberedSlots(folder: string, pack: number, identity: string): SlotDigests | undefined {
  try {
    const content = readOwn(verifiedPath(folder, pack));
    const head = Buffer.from(headFor(identity));
    return content?.subarray(0, head.length).equals(head)
      ? new SlotDigests(content.subarray(head.length))
      : undefined;
  } catch {
    return undefined; // Whatever is wrong with it: then the chunks are hashed.
  }
}

/**
 * As well as it can: where there is no room or no permission, it is not remembered. `slots` learns what others have
 * remembered meanwhile.
 */
export function rememberSlots(folder: string, pack: number, identity: string, slots: SlotDigests): void {
  const ofOthers = rememberedSlots(folder, pack, identity);
  if (ofOthers) slots.learn(ofOthers);
  const temporary = join(folder, "tmp", temporaryName());
  try {
    writeFileSync(temporary, Buffer.concat([Buffer.from(headFor(identity)), slots.toBytes()]), {
      flag: "wx",
    });
    renameSync(temporary, verifiedPath(folder, pack));
  } catch {
    removeIfThere(temporary);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not made, or what keeps it from being removed removes it later (`removeLeftovers`).
  }
}

/** One line; the digests follow it, 32 bytes a slot, zeros for one that was not verified. */
function headFor(identity: string): string {
  return `${MAGIC} boot ${bootId()} pack ${identity}\n`;
}

/** proc(5). Throws where there is no such thing: without it nothing is remembered. */
function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function readOwn(path: string): Buffer | undefined {
  const descriptor = openSync(path, "r");
  try {
    const { uid } = fstatSync(descriptor);
    return uid === 0 || uid === process.geteuid?.() ? readFileSync(descriptor) : undefined;
  } finally {
    closeSync(descriptor);
  }
}
