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

export type Refs = EngineStore["refs"] & {
  /** All of them, in the order of their names. */
  list(): Promise<Ref[]>;
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
      return readRef(locate(name).path);
    },
    async set(text, ref) {
      assertWritable();
      const { name, path } = locate(text);
      const content = { schema: "tplgraph.ref/1", ...ref, name, at: new Date(options.now()).toISOString() };
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

function refFiles(root: string): string[] {
  try {
    const names = readdirSync(root, { recursive: true, encoding: "utf8" });
    return names.filter((path) => path.endsWith(".json")).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw storeFault(error, `list ${root}`);
  }
}

function readRef(path: string): Ref | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw storeFault(error, `read ${path}`);
  }
  try {
    const { schema: _, ...ref } = JSON.parse(text) as Ref & { schema: string };
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
