/**
 * Metadata contexts (proto.md, "Metadata querying"): what a client can ask about ranges of an export without
 * reading them. Two: `base:allocation` tells what is zeros, `x-tplgraph:dirty` what was changed since the export's
 * device was opened.
 */
import type { Extent } from "../device.ts";
import { MAX_STRING_BYTES, STATE } from "./protocol.ts";

export interface MetaContext {
  /** Chosen by the server, and the same in each connection. */
  id: number;
  name: string;
  /** The status flags of an extent. */
  flagsOf(extent: Extent): number;
}

/** The flag of `x-tplgraph:dirty`, as in QEMU's contexts for dirty bitmaps: bit 0, changed. */
const STATE_DIRTY = 1 << 0;

const META_CONTEXTS: readonly MetaContext[] = [
  {
    id: 1,
    name: "base:allocation",
    flagsOf: (extent) => (extent.kind === "hole" ? STATE.HOLE | STATE.ZERO : 0),
  },
  { id: 2, name: "x-tplgraph:dirty", flagsOf: (extent) => (extent.dirty ? STATE_DIRTY : 0) },
];

export interface MetaContextQuery {
  exportName: string;
  queries: string[];
}

/**
 * "Option types", `NBD_OPT_LIST_META_CONTEXT`: length of the export's name (4), the name, how many queries (4), and
 * for each its length (4) and itself. Undefined: malformed.
 */
export function parseMetaContextQuery(data: Buffer): MetaContextQuery | undefined {
  let at = 0;
  const u32 = () => {
    if (data.length < at + 4) return undefined;
    at += 4;
    return data.readUInt32BE(at - 4);
  };
  const string = () => {
    const length = u32();
    if (length === undefined || length > MAX_STRING_BYTES || data.length < at + length) return undefined;
    at += length;
    return data.toString("utf8", at - length, at);
  };
  const exportName = string();
  const count = u32();
  if (exportName === undefined || count === undefined) return undefined;
  const queries: string[] = [];
  while (queries.length < count) {
    const query = string();
    if (query === undefined) return undefined;
    queries.push(query);
  }
  return at === data.length ? { exportName, queries } : undefined;
}

/** What `NBD_OPT_LIST_META_CONTEXT` lists: all without a query; a namespace and its colon stand for all in it. */
export function listedContexts(queries: readonly string[]): readonly MetaContext[] {
  if (queries.length === 0) return META_CONTEXTS;
  const namespaceOf = (name: string) => name.slice(0, name.indexOf(":") + 1);
  return META_CONTEXTS.filter(({ name }) => queries.includes(name) || queries.includes(namespaceOf(name)));
}

/** What `NBD_OPT_SET_META_CONTEXT` selects: what is named in full. What the server does not know is ignored. */
export function selectedContexts(queries: readonly string[]): readonly MetaContext[] {
  return META_CONTEXTS.filter(({ name }) => queries.includes(name));
}
