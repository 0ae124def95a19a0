/** Names on a remote: `refs/NAME/TAG.json`, each replaced whole. The last who pushes a name has it. */
import { TplError } from "../../engine/errors.ts";
import type { Ref } from "../../engine/store.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { parseRefName } from "../refs/grammar.ts";

export interface RemoteRefs {
  /** `NAME[:TAG]`. Throws TplError `ref-damaged` for an object that is no name's. */
  get(name: string): Promise<Ref | undefined>;
  put(ref: Ref): Promise<void>;
  /** `NAME:TAG` of each. */
  names(): Promise<string[]>;
}

const REFS = "refs/";

export function remoteRefs(objects: ObjectStore): RemoteRefs {
  const keyOf = (text: string) => {
    const { name, tag } = parseRefName(text);
    return `${REFS}${name}/${tag}.json`;
  };
  return {
    async get(name) {
      const key = keyOf(name);
      try {
        return refOf((await objects.get(key)).toString("utf8"), `${key} of ${objects.name}`);
      } catch (error) {
        if (error instanceof TplError && error.code === "object-missing") return undefined;
        throw error;
      }
    },
    async put(ref) {
      await objects.put(keyOf(ref.name), Buffer.from(JSON.stringify({ schema: "tplgraph.ref/1", ...ref })));
    },
    async names() {
      const names: string[] = [];
      for await (const { key } of objects.list(REFS)) {
        const [, name, tag] = /^refs\/(.+)\/([^/]+)\.json$/.exec(key) ?? [];
        if (tag !== undefined) names.push(`${name}:${tag}`);
      }
      return names.sort();
    },
  };
}

function refOf(text: string, object: string): Ref {
  try {
    const { schema, ...ref } = JSON.parse(text) as Ref & { schema: string };
    if (schema === "tplgraph.ref/1" && typeof ref.outputs === "object") return ref;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TplError({
    code: "ref-damaged",
    message: `${object} is no name of tplgraph's`,
    hint: "push that name again",
  });
}
