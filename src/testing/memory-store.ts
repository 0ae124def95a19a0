/** A store in memory, for tests of graphs and plugins: the engine's interface and nothing that lasts. */
import type { Artifact, Digest } from "../engine/artifact.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";
import { sha256 } from "../engine/key/canonical.ts";
import type { RunEvent } from "../engine/run/event.ts";
import type { CacheRecord, RunRecord } from "../engine/run/record.ts";
import type { EngineStore, Fact, Ref } from "../engine/store.ts";

export interface MemoryStore extends EngineStore {
  /** What it holds, to look at and to damage. */
  contents: {
    records: Map<string, CacheRecord>;
    /** Keys that were asked for, in order. */
    recordReads: string[];
    blobs: Map<Digest, Uint8Array>;
    /** Artifacts that `has` denies. */
    missing: Set<string>;
    /** By artifact's digest, how many bytes of it are not here. */
    elsewhere: Map<string, number>;
    runs: RunRecord[];
    logs: string[];
    events: RunEvent[];
  };
}

export function memoryStore(options: { now?: () => number } = {}): MemoryStore {
  const now = options.now ?? Date.now;
  const records = new Map<string, CacheRecord>();
  const lastKeys = new Map<string, string>();
  const facts = new Map<string, Fact>();
  const refs = new Map<string, Ref>();
  const blobs = new Map<Digest, Uint8Array>();
  const missing = new Set<string>();
  const elsewhere = new Map<string, number>();
  const runs: RunRecord[] = [];
  const logs: string[] = [];
  const events: RunEvent[] = [];
  const recordReads: string[] = [];
  let generation = 0;
  return {
    contents: { records, recordReads, blobs, missing, elsewhere, runs, logs, events },
    readOnly: false,
    records: {
      async get(key) {
        recordReads.push(key);
        return records.get(key);
      },
      async put(record) {
        if (records.has(record.key)) generation++;
        records.set(record.key, record);
      },
      async remove(key) {
        generation++;
        records.delete(key);
      },
      generation: async () => `${generation}`,
      lastKey: async (template, node) => lastKeys.get(`${template}#${node}`),
      setLastKey: async (template, node, key) => void lastKeys.set(`${template}#${node}`, key),
    },
    facts: {
      get: async (name) => facts.get(name),
      set: async (name, value) => void facts.set(name, { value, at: now() }),
    },
    refs: {
      get: async (name) => refs.get(name),
      set: async (name, ref) => void refs.set(name, { ...ref, name, at: new Date(now()).toISOString() }),
    },
    async resolveRef(text, want) {
      const found = Object.values(refs.get(text)?.outputs ?? {}).find((output) => output.type === want.type);
      if (!found) throw new TplError({ code: "unknown-ref", message: `there is no ${want.type} "${text}"` });
      return found;
    },
    runs: {
      start: async () => undefined,
      log: (_run, node, line) => void logs.push(`${node}: ${line}`),
      event: (_run, event) => void events.push(event),
      logPath: (run, node) => `${run}/${node}.log`,
      finish: async (record) => void runs.push(record),
    },
    has: async (artifact: Artifact) => (missing.has(artifact.digest) ? "missing" : "present"),
    bytesToFetch: async (artifacts) =>
      artifacts.reduce((sum, { digest }) => sum + (elsewhere.get(digest) ?? 0), 0),
    async putBlob(data, { onAdded } = {}) {
      const digest: Digest = `sha256:${sha256(data)}`;
      onAdded?.(blobs.has(digest) ? 0 : data.byteLength);
      blobs.set(digest, data);
      return digest;
    },
    async readBlob(digest) {
      const data = blobs.get(digest);
      if (data) return Buffer.from(data);
      throw new ArtifactDamaged({ code: "blob-missing", message: `${digest} is not in the store`, digest });
    },
  };
}
