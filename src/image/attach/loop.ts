/**
 * Loop devices. One belongs to whoever owns its backing file: it is found by that file, never by its number,
 * which the kernel gives to somebody else as soon as it is free.
 */
import { readdirSync, readFileSync } from "node:fs";
import { TplError } from "../../engine/errors.ts";
import { systemTool } from "./system-tool.ts";
import { becomes } from "./waiting.ts";

const DETACH_TIMEOUT_MS = 5000;

/** Returns the device's path. losetup asks the kernel for a free one and tries again when another process was faster. */
export async function attachLoop(
  backingFile: string,
  options: { readOnly: boolean; signal?: AbortSignal },
): Promise<string> {
  const mode = options.readOnly ? ["--read-only"] : [];
  const output = await systemTool("losetup", ["--find", "--show", ...mode, "--", backingFile], options);
  return output.trim();
}

/**
 * Detaches every loop device over `backingFile`; nothing happens where there is none. Detaching is lazy while
 * something holds the device (loop(4)): resolves only when it is really free. Throws TplError `device-busy`.
 */
export async function detachLoop(backingFile: string, signal?: AbortSignal): Promise<void> {
  for (const device of loopsOver(backingFile)) {
    try {
      await systemTool("losetup", ["--detach", device], signal ? { signal } : {});
    } catch (error) {
      if (loopsOver(backingFile).includes(device)) throw error;
    }
  }
  const gone = () => loopsOver(backingFile).length === 0;
  if (await becomes(gone, { timeoutMs: DETACH_TIMEOUT_MS, signal })) return;
  throw new TplError({
    code: "device-busy",
    message: `${loopsOver(backingFile).join(", ")} over ${backingFile} is still held by something`,
    hint: "fuser -v on the device shows what holds it; tplgraph cleanup releases it later",
  });
}

/** Their paths. Read from sysfs, which asks nothing of the backing file: it may be gone, or hang. */
export function loopsOver(backingFile: string): string[] {
  return readdirSync("/sys/block")
    .filter((name) => name.startsWith("loop") && backingFileOf(name) === backingFile)
    .map((name) => `/dev/${name}`);
}

function backingFileOf(name: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").replace(/\n$/, "");
  } catch (error) {
    // ENOENT: not attached. EIO, ENXIO: being detached at this moment.
    if (["ENOENT", "EIO", "ENXIO", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw error;
  }
}
