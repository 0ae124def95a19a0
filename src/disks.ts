/**
 * Disks for programs: images of a store, opened as copy-on-write views, served over NBD, as files, devices and
 * mounted trees, with everything released at the end of the scope that opened them.
 *
 * Who serves them is a child process, the disk host, since a mount whose blocks come from the event loop that reads
 * it deadlocks against the kernel. It outlives a killed program for as long as it takes to release what that had.
 */
import type { ImageArtifact } from "./engine/artifact.ts";
import { TplError } from "./engine/errors.ts";
import type { Disk, OpenDiskOptions } from "./engine/plugin/disk.ts";
import { newRunId } from "./engine/run/run-id.ts";
import type { OpenedDisk } from "./engine/run/services.ts";
import { type Hold, holdArtifacts } from "./image/holders.ts";
import { runServices } from "./run-services.ts";
import type { Store } from "./store/store.ts";

export interface OpenDisksOptions {
  /** Whose images are opened, and where sealed ones go: what `openStore` returned. It stays the caller's to close. */
  store: Store;
  /** Names the program in the journal, which `tplgraph cleanup` and `runs show` tell from. Default: `a program`. */
  name?: string;
  /** What the disk host and its NBD server have to say, a line each. */
  log?(line: string): void;
}

export interface Disks extends AsyncDisposable {
  /** Names this scope in the journal. */
  readonly run: string;
  /**
   * Opens a disk: of an image, by itself or by a ref (`python:latest`), at its own or a larger size; without one, of
   * zeros. Throws TplError for a ref that the store does not know, or a size that no disk can have.
   */
  open(options: OpenDisk): Promise<ScopedDisk>;
  /**
   * Unmounts, detaches and ends all that is left, the last first. Idempotent; at the end of an `await using` it is
   * called by itself. Throws TplError `not-released` where something stays behind: `tplgraph cleanup` tries again.
   */
  close(): Promise<void>;
}

export interface OpenDisk extends Omit<OpenDiskOptions, "image"> {
  image?: ImageArtifact | string;
}

/** A disk that is closed at the end of its scope: unmounted, detached, what was written and not sealed is dropped. */
export interface ScopedDisk extends Disk, AsyncDisposable {
  /** Why a tool or the kernel met I/O errors on this disk, where the cause was in the store or in the overlay. */
  fault(): Promise<Error | undefined>;
}

const CLOSE_TIMEOUT_MS = 30_000;

/**
 * Starts a disk host for this program.
 *
 *     await using store = await openStore({ path: "/var/cache/tplgraph" });
 *     await using disks = await openDisks({ store });
 *     const disk = await disks.open({ image: "python:latest", readOnly: true });
 *     console.log(disk.uri, await disk.mount());
 *
 * An open disk does not keep the program running. Mounting, and `device()`, need root.
 */
export async function openDisks({ store, name = "a program", log }: OpenDisksOptions): Promise<Disks> {
  const run = newRunId(Date.now());
  const hold = store.readOnly ? undefined : holdArtifacts(store.path, run, { artifacts: [] });
  const services = await runServices(
    store,
    log,
  )(run).catch((error) => {
    hold?.[Symbol.dispose]();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= services
      .close()
      .finally(() => hold?.[Symbol.dispose]())
      .then(throwIfAny);
    return closed;
  };
  return {
    run,
    async open({ image, ...options }) {
      const found = typeof image === "string" ? await imageOf(store, image) : image;
      if (found) hold?.add(found);
      try {
        const opened = await services.openDisk(name, { ...options, ...(found ? { image: found } : {}) });
        return scoped(opened, { hold, image: found });
      } catch (error) {
        if (found) hold?.drop(found);
        throw error;
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function imageOf(store: Store, ref: string): Promise<ImageArtifact> {
  const artifact = await store.resolveRef(ref, { type: "image" });
  if (artifact.type === "image") return artifact;
  throw new Error(`bug: an image was asked for, and this is of type ${artifact.type}`);
}

/** The image is held as long as the disk is open, what is sealed of it until the end: it may not have a name yet. */
function scoped(
  { disk, close, fault }: OpenedDisk,
  { hold, image }: { hold: Hold | undefined; image: ImageArtifact | undefined },
): ScopedDisk {
  let isHeld = hold !== undefined && image !== undefined;
  return {
    ...disk,
    fault,
    async seal(options) {
      using _making = hold?.making();
      const sealed = await disk.seal(options);
      hold?.add(sealed);
      return sealed;
    },
    async [Symbol.asyncDispose]() {
      await close(AbortSignal.timeout(CLOSE_TIMEOUT_MS));
      if (isHeld) hold!.drop(image!);
      isHeld = false;
    },
  };
}

function throwIfAny(failures: { hook: string; error: unknown }[]): void {
  if (failures.length === 0) return;
  const told = failures.map(
    ({ hook, error }) => `${hook}: ${error instanceof Error ? error.message : error}`,
  );
  throw new TplError({
    code: "not-released",
    message: `not everything could be released: ${told.join("; ")}`,
    hint: "tplgraph cleanup tries again",
    cause: new AggregateError(failures.map(({ error }) => error)),
  });
}
