/**
 * What mutable inputs stand for, as somebody insists on it: planning asks here before it asks the world. Without pins it
 * asks the world alone. `lock.ts` has the two kinds: one takes note of the answers, one gives those that were noted.
 */
import type { Artifact, Digest, Json } from "../artifact.ts";
import type { InputBinding } from "../graph/graph.ts";

export interface FileContent {
  digest: Digest;
  bytes: number;
}

export interface Pins {
  ref(binding: InputBinding & { from: "ref" }, ask: () => Promise<Artifact>): Promise<Artifact>;
  /** `name`: the same on every machine. */
  name(name: string, ask: () => Promise<Json>): Promise<Json>;
  /** `path`: absolute; `written`: as the template has it. */
  file(path: string, written: string, ask: () => Promise<FileContent>): Promise<FileContent>;
}
