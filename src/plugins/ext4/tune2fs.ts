/** Runs tune2fs on an open disk that was checked just before: what the superblock says, not where anything lies. */
import * as z from "zod";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { MIB } from "./options.ts";

/** What the kernel mounts with where nobody says otherwise (`s_default_mount_opts`, super.rst), as tune2fs names it. */
const MOUNT_OPTIONS = [
  "debug",
  "bsdgroups",
  "user_xattr",
  "acl",
  "uid16",
  "journal_data",
  "journal_data_ordered",
  "journal_data_writeback",
  "nobarrier",
  "block_validity",
  "discard",
  "nodelalloc",
] as const;

/** Takes all of them out. The three journal modes are two bits: the one with both takes out any. */
const NO_MOUNT_OPTIONS = MOUNT_OPTIONS.filter((name) => !/^journal_data(_ordered)?$/.test(name)).map(
  (name) => `^${name}`,
);

export function mountOptions() {
  return z
    .array(z.enum(MOUNT_OPTIONS))
    .refine(
      (names) => names.filter((name) => name.startsWith("journal_")).length <= 1,
      "must name at most one journal mode",
    )
    .describe(
      "The whole list of mount options that the superblock asks for (tune2fs(8), -o); an empty one: none",
    );
}

export function reservedMiB() {
  return z
    .int("must be a whole number of MiB")
    .min(0, "must not be negative")
    .max(2 ** 24)
    .describe("MiB that only root may fill");
}

export interface Tuning {
  label?: string | undefined;
  uuid?: string | undefined;
  reservedMiB?: number | undefined;
  mountOptions?: readonly string[] | undefined;
}

/** Nothing is run where nothing is to be changed. `blockSizeBytes` is the file system's. */
export async function tune2fs(
  step: Pick<StepContext, "tool">,
  disk: Pick<Disk, "file">,
  tuning: Tuning,
  { blockSizeBytes, clock }: { blockSizeBytes: number; clock: Record<string, string> },
): Promise<void> {
  const { label, uuid, mountOptions } = tuning;
  const args = [
    ...(label === undefined ? [] : ["-L", label]),
    ...(uuid === undefined ? [] : ["-U", uuid]),
    ...(tuning.reservedMiB === undefined ? [] : ["-r", `${blocksIn(tuning.reservedMiB, blockSizeBytes)}`]),
    ...(mountOptions === undefined ? [] : ["-o", [...NO_MOUNT_OPTIONS, ...mountOptions].join(",")]),
  ];
  if (args.length > 0) await step.tool("tune2fs", [...args, await disk.file()], { env: clock });
}

export function blocksIn(mib: number, blockSizeBytes: number): number {
  return (mib * MIB) / blockSizeBytes;
}
