/**
 * Where a sparse file has data, by lseek(2) with SEEK_DATA, which sees what is not written back yet (FIEMAP may not).
 * Node has no such call; python3 makes it, in a process of its own.
 */
import { systemTool } from "./attach/system-tool.ts";

export interface ByteRange {
  offset: number;
  length: number;
}

const SCRIPT = `
import errno, os, sys
file, at = os.open(sys.argv[1], os.O_RDONLY), 0
while True:
    try:
        at = os.lseek(file, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            break
        raise
    end = os.lseek(file, at, os.SEEK_HOLE)
    print(at, end - at)
    at = end
`;

/** In the order of their offsets, in bytes; what lies between them reads as zeros. Throws ToolError. */
export async function dataRanges(path: string, signal?: AbortSignal): Promise<ByteRange[]> {
  const output = await systemTool("python3", ["-I", "-c", SCRIPT, path], signal ? { signal } : {});
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [offset, length] = line.split(" ").map(Number);
      return { offset: offset!, length: length! };
    });
}
