/**
 * What is attached over one disk, each on top of the one before (nbdfuse, loop, mount). Everything is in the
 * journal before it is taken, and leaves in reverse; what cannot leave keeps all that lies under it.
 */
import { rmdirSync, unlinkSync } from "node:fs";
import type { Acquisition } from "../../engine/run/journal.ts";
import { endHolders } from "../process/run-processes.ts";
import { releaseAcquisition } from "../release.ts";
import type { JournalFile } from "./journal-file.ts";

const DETACH_DEADLINE_MS = 20_000;

interface Attached {
  id: number;
  acquisition: Acquisition;
}

export class Attachments {
  readonly #journal: JournalFile;
  readonly #node: string;
  readonly #ending: AbortSignal;
  /** In the order of taking. */
  readonly #attached: Attached[] = [];

  /** `ending`: aborted when nothing is to be taken any more. */
  constructor(journal: JournalFile, node: string, ending: AbortSignal) {
    this.#journal = journal;
    this.#node = node;
    this.#ending = ending;
  }

  get top(): Acquisition | undefined {
    return this.#attached.at(-1)?.acquisition;
  }

  /** Stays noted when `attach` failed: it may have got half-way. */
  async take<T>(acquisition: Acquisition, attach: () => Promise<T>): Promise<T> {
    this.#ending.throwIfAborted();
    this.add({ id: this.#journal.take(this.#node, acquisition), acquisition });
    return await attach();
  }

  /** Something that is in the journal already. */
  add(attached: Attached): void {
    this.#attached.push(attached);
  }

  /** Releases the last one, by `release` where the common way is not good enough. */
  async releaseTop(release: (acquisition: Acquisition) => Promise<void> = releaseInTime): Promise<void> {
    const top = this.#attached.at(-1);
    if (!top) return;
    await release(top.acquisition);
    this.#journal.released(top.id);
    this.#attached.pop();
    removePlace(top.acquisition);
  }

  /** Releases all. `forcibly`: processes of the run that are in the way are ended. */
  async release(how: "gently" | "forcibly"): Promise<void> {
    while (this.#attached.length > 0)
      await this.releaseTop(how === "gently" ? releaseInTime : (top) => this.#releaseForcibly(top));
  }

  async #releaseForcibly(acquisition: Acquisition): Promise<void> {
    try {
      await releaseInTime(acquisition);
    } catch (error) {
      if (!("path" in acquisition)) throw error;
      await endHolders(this.#journal.header.run, acquisition.path);
      await releaseInTime(acquisition);
    }
  }
}

function releaseInTime(acquisition: Acquisition): Promise<void> {
  return releaseAcquisition(acquisition, AbortSignal.timeout(DETACH_DEADLINE_MS));
}

/** The mount point, or the file that nbdfuse was mounted over, and its pid file. */
function removePlace(acquisition: Acquisition): void {
  if (acquisition.kind === "mount") removeIfThere(() => rmdirSync(acquisition.path));
  if (acquisition.kind !== "nbdfuse") return;
  removeIfThere(() => unlinkSync(acquisition.path));
  removeIfThere(() => unlinkSync(`${acquisition.path}.pid`));
}

function removeIfThere(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
