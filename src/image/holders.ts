/**
 * What commands and programs that are no builds use of a store, so that garbage collection spares it and may take the
 * rest: `STORE/holds/RUN.json`, written before anything is read, removed when nothing is read any more. That of a
 * process which is gone says nothing. A run with a journal and without such a file may use anything.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Artifact } from "../engine/artifact.ts";
import { identityOf, lifeOf, type Machine, type ProcessIdentity, thisMachine } from "./process/identity.ts";

/** What a holder uses. */
export interface InUse {
  /** Kept with all they need. */
  artifacts: readonly Artifact[];
  /** It makes an artifact that it cannot name yet: blobs put since then are kept. Milliseconds since the epoch. */
  putSinceMs?: number;
}

export interface Holder extends InUse {
  run: string;
}

export interface Hold extends Disposable {
  /** From now on it uses this too, until the same is dropped as often as it was added. */
  add(artifact: Artifact): void;
  drop(artifact: Artifact): void;
  /** Until it is disposed of, it makes an artifact that it cannot name yet: what is put meanwhile is kept. */
  making(): Disposable;
}

interface HoldFile extends Holder {
  schema: "tplgraph.hold/1";
  machine: Machine;
  process: ProcessIdentity;
}

/** `store`: the store's folder, which can be written; `run`: the holder's id, that of its journal if it has one. */
export function holdArtifacts(store: string, run: string, { artifacts, putSinceMs }: InUse): Hold {
  const folder = holdsFolder(store);
  const path = join(folder, `${run}.json`);
  // Where what a killed process leaves is removed after a day.
  const partial = join(resolve(store), "tmp", `hold-${run}`);
  const about = { machine: thisMachine(), process: identityOf(process.pid)! };
  const held = [...artifacts];
  /** Since when each of what is being made is. */
  const made = putSinceMs === undefined ? [] : [putSinceMs];
  let isReleased = false;
  const write = () => {
    if (isReleased) return;
    const since = made.length === 0 ? {} : { putSinceMs: Math.min(...made) };
    const file: HoldFile = { schema: "tplgraph.hold/1", run, ...about, artifacts: held, ...since };
    writeFileSync(partial, JSON.stringify(file));
    renameSync(partial, path);
  };
  for (const place of [folder, dirname(partial)]) mkdirSync(place, { recursive: true });
  write();
  return {
    add(artifact) {
      held.push(artifact);
      write();
    },
    drop({ type, digest }) {
      const place = held.findIndex((one) => one.type === type && one.digest === digest);
      if (place >= 0) held.splice(place, 1);
      write();
    },
    making() {
      const sinceMs = Date.now();
      made.push(sinceMs);
      write();
      return {
        [Symbol.dispose]() {
          made.splice(made.indexOf(sinceMs), 1);
          write();
        },
      };
    },
    [Symbol.dispose]() {
      isReleased = true;
      rmSync(path, { force: true });
    },
  };
}

/** Those that go on, or may: of another machine or container nobody here can tell. */
export function holders(store: string): Holder[] {
  return readHolds(store).flatMap(({ holder }) => holder ?? []);
}

/** Removes what killed holders left, as far as this user may. */
export function removeDeadHolds(store: string): void {
  for (const { path, holder } of readHolds(store)) {
    if (holder) continue;
    try {
      rmSync(path, { force: true });
    } catch (error) {
      if (!["EACCES", "EPERM", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

/** Without a `holder`: it is dead. */
function readHolds(store: string): { path: string; holder?: Holder }[] {
  const folder = holdsFolder(store);
  const here = thisMachine();
  return namesIn(folder).map((name) => {
    const path = join(folder, name);
    const file = readHold(path);
    if (!file || lifeOf(file.process, file.machine, here).state === "dead") return { path };
    const { run, artifacts, putSinceMs } = file;
    return { path, holder: { run, artifacts, ...(putSinceMs === undefined ? {} : { putSinceMs }) } };
  });
}

/** Undefined: it has just been let go of; or it is not whole, which a power cut alone can leave of what was renamed. */
function readHold(path: string): HoldFile | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as HoldFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function holdsFolder(store: string): string {
  return join(resolve(store), "holds");
}
