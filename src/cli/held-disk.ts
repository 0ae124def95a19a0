/** Commands that hold images open as disks until they are told to end: `serve` and `mount`. */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { StepContext } from "../engine/plugin/context.ts";
import type { Disk } from "../engine/plugin/disk.ts";
import type { Store } from "../store/store.ts";
import { printable } from "../views/text-width.ts";
import type { Cli } from "./command.ts";
import { debugLog } from "./debug-log.ts";
import { EXIT } from "./exit-status.ts";
import { failing } from "./failing.ts";
import { type Interruption, listenForInterruption } from "./interruption.ts";
import { withStepContext } from "./step-surroundings.ts";
import { openWorkspace } from "./workspace.ts";

export interface HeldDisk {
  /** Names the command in messages and in the journal. */
  name: string;
  refs: readonly string[];
  /** Said when it is told to end, and has something left to do. */
  ending: string;
  /** Opens the images as disks, in their order, makes them useful, and says so. */
  open(step: StepContext, images: readonly ImageArtifact[], interruption: Interruption): Promise<Disk[]>;
  /** Told to end, before all is released. */
  beforeRelease?(): Promise<void>;
}

/** Being told to end is how it ends: 0 then, 130 while it was not ready yet, and 4 where something stays behind. */
export async function holdDisk(cli: Cli, held: HeldDisk): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags, { create: "if-shared" });
  const store = await workspace.store();
  const images: ImageArtifact[] = [];
  for (const ref of held.refs) images.push(await imageOf(store, ref));
  using interruption = listenForInterruption({
    onFirst: () => terminal.err(held.ending),
    onAgain: () => terminal.err(`still: ${held.ending}`),
  });
  let left: number = EXIT.done;
  const tell = (text: string) => {
    left = EXIT.notReleased;
    terminal.err(text);
  };
  const log = await debugLog(cli.flags);
  const { name } = held;
  const status = await failing(
    cli,
    () =>
      withStepContext(
        { store, name, signal: interruption.signal, uses: { artifacts: images }, log, tell },
        async (step) => {
          const disks = await held.open(step, images, interruption);
          await untilToldToEnd(disks, interruption.signal, (place, fault) =>
            terminal.err(`${printable(held.refs[place]!)}: reading failed, and may again: ${fault}`),
          );
          await held.beforeRelease?.();
          return EXIT.done;
        },
      ),
    interruption,
  );
  return status === EXIT.done ? left : status;
}

async function imageOf(store: Store, ref: string): Promise<ImageArtifact> {
  const image = await store.resolveRef(ref, { type: "image" });
  if (image.type === "image") return image;
  throw new Error(`bug: an image was asked for, and this is of type ${image.type}`);
}

const LOOK_MS = 2000;

/** Throws when the disks are no longer served. `tellFault`: called once for a disk that could not be read. */
async function untilToldToEnd(
  disks: readonly Disk[],
  signal: AbortSignal,
  tellFault: (place: number, fault: string) => void,
): Promise<void> {
  const told = new Set<number>();
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
    });
    for (const [place, disk] of signal.aborted ? [] : disks.entries()) {
      const { fault } = await disk.stats();
      if (fault !== undefined && !told.has(place)) tellFault(place, fault);
      if (fault !== undefined) told.add(place);
    }
  }
}
