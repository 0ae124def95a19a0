/**
 * Refs: mutable names for the outputs of a build, one JSON file each at `refs/NAME/TAG.json`. A ref is replaced
 * whole, and survives a power cut: unlike a record, nothing could make it again.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TplError } from "../../engine/errors.ts";
import type { EngineStore, Ref } from "../../engine/store.ts";
import { readOnlyStore, storeFault, systemCode } from "../fault.ts";
import { writeAtomically } from "../temporary.ts";
import { parseRefName } from "./grammar.ts";

/** A ref with what it stood for before, in the last days: somebody who asked then may still be using it. */
export interface KeptRef extends Ref {
  former?: FormerOutputs[];
}

interface FormerOutputs {
  outputs: Ref["outputs"];
  /** ISO 8601. */
  until: string;
}

export type Refs = EngineStore["refs"] & {
  /** All of them, in the order of their names. */
  list(): Promise<KeptRef[]>;
  /** Removes a name; what it named stays. False: there was none. */
  remove(name: string): Promise<boolean>;
};

/** `name` is `NAME[:TAG]` throughout; a name that cannot be one is TplError `bad-ref`. */
export function folderRefs(options: { folder: string; readOnly: boolean; now(): number }): Refs {
  const { folder } = options;
  const root = join(folder, "refs");
  const locate = (text: string) => {
    const { name, tag } = parseRefName(text);
    return { name: `${name}:${tag}`, path: join(root, name, `${tag}.json`) };
  };
  const assertWritable = () => {
    if (options.readOnly) throw readOnlyStore(folder);
  };
  return {
    async get(name) {
      const kept = readRef(locate(name).path);
      if (!kept) return undefined;
      const { former: _, ...ref } = kept;
      return ref;
    },
    async set(text, ref) {
      assertWritable();
      const { name, path } = locate(text);
      const at = new Date(options.now()).toISOString();
      const former = formerOf(replaced(path), ref, at);
      const content = {
        schema: "tplgraph.ref/1",
        ...ref,
        name,
        at,
        ...(former.length > 0 ? { former } : {}),
      };
      writeAtomically(folder, path, `${JSON.stringify(content, null, 2)}\n`, { durably: true });
    },
    async list() {
      const found = refFiles(root).map((path) => readRef(join(root, path)));
      return found.filter((ref) => ref !== undefined);
    },
    async remove(text) {
      assertWritable();
      const { path } = locate(text);
      const there = readRef(path) !== undefined;
      rmSync(path, { force: true });
      return there;
    },
  };
}

/** The ref that is being replaced. A damaged one is nothing: replacing it is what mends it. */
function replaced(path: string): KeptRef | undefined {
  try {
    return readRef(path);
  } catch (error) {
    if (error instanceof TplError && error.code === "ref-damaged") return undefined;
    throw error;
  }
}

/** A build or a mount that goes on for longer than this, on an image that lost all its names, may lose it to a collection. */
const FORMER_MS = 7 * 24 * 3600 * 1000;

/** What `ref` stood for until now, beside what it stood for before that. */
function formerOf(ref: KeptRef | undefined, next: Pick<Ref, "outputs">, until: string): FormerOutputs[] {
  if (!ref) return [];
  const recent = (ref.former ?? []).filter((past) => Date.parse(until) - Date.parse(past.until) < FORMER_MS);
  const digests = (outputs: Ref["outputs"]) =>
    JSON.stringify(Object.values(outputs).map(({ digest }) => digest));
  if (digests(ref.outputs) === digests(next.outputs)) return recent;
  // A value needs nothing of the store.
  const stored = Object.entries(ref.outputs).filter(([, { type }]) => type !== "data");
  const outputs = Object.fromEntries(stored);
  const others = recent.filter((past) => digests(past.outputs) !== digests(outputs));
  return stored.length > 0 ? [...others, { outputs, until }] : others;
}

function refFiles(root: string): string[] {
  try {
    const names = readdirSync(root, { recursive: true, encoding: "utf8" });
    return names.filter((path) => path.endsWith(".json")).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw storeFault(error, `list ${root}`);
  }
}

function readRef(path: string): KeptRef | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw storeFault(error, `read ${path}`);
  }
  try {
    const { schema: _, ...ref } = JSON.parse(text) as KeptRef & { schema: string };
    return ref;
  } catch (error) {
    throw new TplError({
      code: "ref-damaged",
      message: `${path} is not JSON`,
      hint: `remove ${path} and tag the artifact again`,
      cause: error,
    });
  }
}
