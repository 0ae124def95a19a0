/** What differs between two graphs: of two plans, of a plan and a run, of two runs. Nothing of Node here. */
import type { Json } from "../../engine/artifact.ts";
import { shortDigest } from "../amounts.ts";
import type { DrawnInput, DrawnNode, GraphDocument } from "./document.ts";
import { stateWord } from "./node-words.ts";

export interface Difference {
  node: string;
  /** `removed`: the first graph alone has it; `added`: the second alone. */
  kind: "added" | "removed" | "changed";
  /** Of a changed one, in words: `state`, `with.sizeMiB`, `output image`. */
  parts: { what: string; from: string; to: string }[];
}

/** In the order of the second graph, what it does not have last. Times are no difference: no two runs take the same. */
export function differences(first: GraphDocument, second: GraphDocument): Difference[] {
  const before = new Map(first.nodes.map((node) => [node.id, node]));
  const after = new Set(second.nodes.map(({ id }) => id));
  const found: Difference[] = [];
  for (const node of second.nodes) {
    const old = before.get(node.id);
    if (!old) found.push({ node: node.id, kind: "added", parts: [] });
    else {
      const parts = changes(old, node);
      if (parts.length > 0) found.push({ node: node.id, kind: "changed", parts });
    }
  }
  for (const { id } of first.nodes) if (!after.has(id)) found.push({ node: id, kind: "removed", parts: [] });
  return found;
}

function changes(from: DrawnNode, to: DrawnNode): Difference["parts"] {
  const parts: Difference["parts"] = [];
  const compare = (what: string, one: string, other: string) => {
    if (one !== other) parts.push({ what, from: one || "(none)", to: other || "(none)" });
  };
  compare("state", stateWord(from), stateWord(to));
  compare("step type", from.uses, to.uses);
  for (const port of union(from.inputs, to.inputs))
    compare(port, inputText(from.inputs[port]), inputText(to.inputs[port]));
  compare("needs", from.needs.join(", "), to.needs.join(", "));
  // A key that is not known yet is not another one.
  if (from.key && to.key) compare("key", from.key.slice(0, 12), to.key.slice(0, 12));
  if (from.outputs && to.outputs)
    for (const output of union(from.outputs, to.outputs)) {
      const digest = (node: DrawnNode) => node.outputs?.[output]?.digest;
      const [one, other] = [digest(from), digest(to)];
      compare(`output ${output}`, one ? shortDigest(one) : "", other ? shortDigest(other) : "");
    }
  return parts;
}

/** An input as one reads it: `2048`, `disk.image`, `base:latest`. */
export function inputText(input: DrawnInput | undefined): string {
  if (!input) return "";
  if (input.from === "ref") return input.ref;
  return input.from === "node" ? `${input.node}.${input.output}` : literalText(input.value);
}

function literalText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function union(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])];
}
