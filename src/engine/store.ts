/**
 * What the engine asks of a store. `store/` implements it over a folder; the tests, in memory. Everything is
 * written atomically and verified when read; two processes may use one store at once.
 */
import type { Artifact, Digest, Json } from "./artifact.ts";
import type { RunEvent } from "./run/event.ts";
import type { CacheRecord, RunRecord } from "./run/record.ts";

/** What is known of a run when it begins. */
export interface StartedRun {
  /** The template's name. */
  template: string;
  /** ISO 8601. */
  at: string;
  /** Which records it may use until it ends. Absent: not known. */
  uses?: RecordsInUse;
}

export interface RecordsInUse {
  keys: string[];
  /** Step types, as records' preimages name them: of nodes whose keys are not known yet. */
  types: string[];
}

export interface EngineStore {
  /** Nothing can be written: a fully cached run still works, and keeps no run record. */
  readonly readOnly: boolean;
  records: {
    /** Throws TplError `store-unreachable` where others may have it, and cannot be asked. */
    get(key: string): Promise<CacheRecord | undefined>;
    put(record: CacheRecord): Promise<void>;
    /** Disowns a record whose outputs turned out damaged. */
    remove(key: string): Promise<void>;
    /** Changes when a record is removed or replaced: as long as it does not, what was read still holds. Undefined: nobody can tell. */
    generation?(): Promise<string | undefined>;
    /** The key that `node` of `template` had when it was last built, for explanations. */
    lastKey(template: string, node: string): Promise<string | undefined>;
    setLastKey(template: string, node: string, key: string): Promise<void>;
  };
  /** Facts that cost something to find out: file digests, tool versions, what a mutable name resolved to. */
  facts: {
    get(name: string): Promise<Fact | undefined>;
    set(name: string, value: Json): Promise<void>;
  };
  refs: {
    get(name: string): Promise<Ref | undefined>;
    set(name: string, ref: Omit<Ref, "name" | "at">): Promise<void>;
  };
  /**
   * What a name in a template stands for now: `NAME[:TAG][#OUTPUT]`, a digest, or `RUN:OUTPUT`. Throws TplError
   * `unknown-ref` or `ambiguous-ref`.
   */
  resolveRef(text: string, want: { type: Artifact["type"]; output?: string }): Promise<Artifact>;
  runs: {
    /** A new run begins: its folder is made, with what `runs ls` needs to tell of an unfinished one. */
    start(run: string, about: StartedRun): Promise<void>;
    /** Appends lines to a node's log. Buffered; `finish` flushes. */
    log(run: string, node: string, line: string): void;
    /** Keeps an event for whoever follows or looks back at a run that builds something. Buffered as logs are. */
    event(run: string, event: RunEvent): void;
    /** Where a node's log is, for messages. */
    logPath(run: string, node: string): string;
    finish(record: RunRecord): Promise<void>;
  };
  /**
   * Whether an artifact is there: its manifest, at a look. `content`: all of it is read and verified, and whatever is
   * corrupt is put aside, so that making it again stores it anew. `unreachable`: only a remote could tell.
   */
  has(
    artifact: Artifact,
    options?: { depth: "manifest" | "content" },
  ): Promise<"present" | "missing" | "corrupt" | "unreachable">;
  /**
   * How many bytes would at most have to come from another place for a reader of `artifacts`; what they have in common
   * counts once. Undefined: it cannot be told.
   */
  bytesToFetch(artifacts: readonly Artifact[]): Promise<number | undefined>;
  /** `onAdded`: told by how many bytes the store has grown, 0 where it was there. */
  putBlob(data: Uint8Array, options?: { onAdded?(bytes: number): void }): Promise<Digest>;
  /** Verified; ArtifactDamaged where it is missing, corrupt or out of reach. */
  readBlob(digest: Digest): Promise<Buffer>;
}

export interface Fact {
  value: Json;
  /** Milliseconds since the epoch. */
  at: number;
}

/** A mutable name (`python:latest`) for the outputs of a build. */
export interface Ref {
  /** `NAME:TAG`. */
  name: string;
  outputs: Record<string, Artifact>;
  run?: string;
  at: string;
}
