/**
 * A lock: what the mutable inputs of a template stood for at one time, so that a build can be repeated. Names in the
 * store, what steps look up (an archive's state), and the files that templates name by relative paths; what a step takes
 * of the machine itself stands in its key, and in no lock.
 */
import { isAbsolute, relative, sep } from "node:path";
import type { Artifact, Json } from "../artifact.ts";
import { TplError } from "../errors.ts";
import type { InputBinding } from "../graph/graph.ts";
import { canonicalJson } from "../key/canonical.ts";
import type { EngineStore } from "../store.ts";
import type { FileContent, Pins } from "./pins.ts";

/** `at`: since when it is locked, ISO 8601. */
export type Locked<T> = T & { at: string };

export interface Lock {
  schema: "tplgraph.lock/1";
  /** By the name with its output and type: `base:latest#rootfs (image)`. */
  refs: Record<string, Locked<{ artifact: Artifact }>>;
  names: Record<string, Locked<{ value: Json }>>;
  /** By the path from the lock's own folder. */
  files: Record<string, Locked<FileContent>>;
}

export interface LockOptions {
  /** Of the lock file, absolute. */
  folder: string;
  /** Names the template in hints. */
  template: string;
}

/** Pins that take note of every answer in `lock`; what is as `before` had it keeps its time. */
export function notingPins(
  lock: Lock,
  before: Lock | undefined,
  { folder, now }: LockOptions & { now: Date },
): Pins {
  const note = <T extends object>(section: "refs" | "names" | "files", name: string, value: T) => {
    const old = before?.[section][name];
    const { at: since, ...was } = old ?? { at: now.toISOString() };
    const at = old && isSame(was as Json, value as unknown as Json) ? since : now.toISOString();
    (lock[section] as Record<string, unknown>)[name] = { ...value, at };
  };
  return {
    async ref(binding, ask) {
      const artifact = await ask();
      if (!isFixed(binding)) note("refs", refName(binding), { artifact });
      return artifact;
    },
    async name(name, ask) {
      const value = await ask();
      note("names", name, { value });
      return value;
    },
    async file(path, written, ask) {
      const content = await ask();
      if (!isAbsolute(written)) note("files", fileName(folder, path), content);
      return content;
    },
  };
}

/** Of a lock. */
export interface LockedPins {
  /** Give what the lock has: enough for a result that is there. */
  pins: Pins;
  /** Ask the world as well, and throw where it has moved on: for what would be built from it. */
  held: Pins;
}

/** Pins that give what the lock has. Throw TplError `lock-incomplete`, `lock-moved` or `lock-lost`. */
export function lockedPins(lock: Lock, options: LockOptions, store: Pick<EngineStore, "has">): LockedPins {
  const { folder, template } = options;
  const hint = `tplgraph lock ${template} takes what there is now`;
  const find = <T>(section: Record<string, Locked<T>>, name: string, what: string): Locked<T> => {
    if (Object.hasOwn(section, name)) return section[name]!;
    throw new TplError({ code: "lock-incomplete", message: `${what} is not in the lock`, hint });
  };
  const moved = (what: string, since: string, from: string, to: string) =>
    new TplError({
      code: "lock-moved",
      message: `${what} is not what was locked on ${since.slice(0, 10)}: it was ${from}, and is ${to} now`,
      hint,
    });
  const pins: Pins = {
    async ref(binding, ask) {
      return isFixed(binding) ? ask() : find(lock.refs, refName(binding), `"${binding.ref}"`).artifact;
    },
    name: async (name) => find(lock.names, name, name).value,
    async file(path, written, ask) {
      if (isAbsolute(written)) return ask();
      const { digest, bytes, at } = find(lock.files, fileName(folder, path), written);
      const now = await ask();
      if (now.digest !== digest) throw moved(written, at, digest, now.digest);
      return { digest, bytes };
    },
  };
  const held: Pins = {
    ...pins,
    async ref(binding, ask) {
      const artifact = await pins.ref(binding, ask);
      if ((await store.has(artifact)) === "present") return artifact;
      throw new TplError({
        code: "lock-lost",
        message: `"${binding.ref}" is locked to ${artifact.digest}, which is not in the store`,
        hint: `fetch it from the store that has it, or lock anew: tplgraph lock ${template}`,
      });
    },
    async name(name, ask) {
      const { value, at } = find(lock.names, name, name);
      const now = await ask();
      if (isSame(value, now)) return value;
      throw moved(name, at, JSON.stringify(value), JSON.stringify(now));
    },
  };
  return { pins, held };
}

export interface LockMove {
  name: string;
  /** Undefined: it was not locked. */
  from: string | undefined;
  /** Undefined: nothing uses it any more. */
  to: string | undefined;
}

/** What is another one in `now`, by name. */
export function movesBetween(before: Lock, now: Lock): LockMove[] {
  const words = (lock: Lock) => {
    const entries: [string, string][] = [];
    for (const [name, { artifact }] of Object.entries(lock.refs)) entries.push([name, artifact.digest]);
    for (const [name, { value }] of Object.entries(lock.names)) entries.push([name, JSON.stringify(value)]);
    for (const [name, { digest }] of Object.entries(lock.files)) entries.push([name, digest]);
    return new Map(entries);
  };
  const [from, to] = [words(before), words(now)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .map((name) => ({ name, from: from.get(name), to: to.get(name) }))
    .filter((move) => move.from !== move.to);
}

/** A digest is no mutable name. */
function isFixed({ ref }: { ref: string }): boolean {
  return ref.startsWith("sha256:");
}

function refName({ ref, output, type }: InputBinding & { from: "ref" }): string {
  return `${ref}${output === undefined ? "" : `#${output}`} (${type})`;
}

function fileName(folder: string, path: string): string {
  return relative(folder, path).split(sep).join("/");
}

function isSame(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
