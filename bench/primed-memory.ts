/**
 * A virtual machine may give memory that is free back to its host within seconds ("free page reporting"), and whoever
 * fills it next waits for the host: writing a GiB to a new file then takes five times as long. What is to be compared
 * begins with memory that was used a moment ago, which this makes.
 */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";

const MIB = 2 ** 20;

/** `folder`: on the file system that is written to next; with `mib` MiB free. */
export async function primeMemory(folder: string, mib: number): Promise<void> {
  const path = join(folder, "primed-memory");
  const zeros = Buffer.alloc(MIB);
  {
    await using file = await open(path, "wx");
    for (let done = 0; done < mib; done++) await file.write(zeros);
  }
  await rm(path);
}
