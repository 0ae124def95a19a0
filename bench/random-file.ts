import { randomFillSync } from "node:crypto";
import { open } from "node:fs/promises";

const MIB = 2 ** 20;

/** Makes a file that nothing compresses, which must not be there yet. Returns its path. */
export async function randomFile(path: string, mib: number): Promise<string> {
  await using file = await open(path, "wx");
  const bytes = Buffer.alloc(MIB);
  for (let done = 0; done < mib; done++) await file.write(randomFillSync(bytes));
  return path;
}
