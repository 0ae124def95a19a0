/**
 * Mounting a file system and unmounting it with everything flushed. The mount point is a folder of the caller's
 * own that nobody else may enter. What to do when a mount is busy is the caller's choice.
 */
import { TplError } from "../../engine/errors.ts";
import { isMounted } from "./mountinfo.ts";
import { systemTool } from "./system-tool.ts";

export interface MountDeviceOptions {
  device: string;
  /** The mount point: an empty folder. */
  path: string;
  /** File system type. */
  type: string;
  readOnly: boolean;
  /** Beside `ro` or `rw`. */
  options: readonly string[];
  signal?: AbortSignal;
}

export async function mountDevice(what: MountDeviceOptions): Promise<void> {
  const options = [what.readOnly ? "ro" : "rw", ...what.options].join(",");
  const signal = what.signal ? { signal: what.signal } : {};
  await systemTool("mount", ["-t", what.type, "-o", options, "--", what.device, what.path], signal);
}

/**
 * Writes back first, because only syncfs(2) tells of an error: umount(2) returns 0 after a failed write-back.
 * Nothing happens where nothing is mounted. Throws ToolError, or TplError `mount-busy`.
 */
export async function unmountFlushed(path: string, signal?: AbortSignal): Promise<void> {
  if (!isMounted(path)) return;
  await systemTool("sync", ["--file-system", path], signal ? { signal } : {});
  await unmount(path, signal);
}

/** Nothing happens where nothing is mounted. Throws TplError `mount-busy`. */
export async function unmount(path: string, signal?: AbortSignal): Promise<void> {
  while (isMounted(path)) {
    try {
      await systemTool("umount", ["--no-canonicalize", "--", path], signal ? { signal } : {});
    } catch (cause) {
      if (!isMounted(path)) return;
      throw new TplError({
        code: "mount-busy",
        message: `cannot unmount ${path}: ${cause instanceof Error ? cause.message : cause}`,
        hint: "something still has a file or a folder in it open",
        cause,
      });
    }
  }
}

/**
 * The last resort: the mount leaves the folder tree, the file system stays until its last user is gone.
 * Made private first, so that what is mounted below is not taken from other mount namespaces.
 */
export async function unmountLazily(path: string, signal?: AbortSignal): Promise<void> {
  const options = signal ? { signal } : {};
  if (!isMounted(path)) return;
  await systemTool("mount", ["--make-rprivate", path], options);
  await systemTool("umount", ["--no-canonicalize", "--lazy", "--", path], options);
}
