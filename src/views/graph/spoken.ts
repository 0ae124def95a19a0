/** A step in words, for who hears a drawing. Nothing of Node here. */
import type { DrawnNode } from "./document.ts";
import { stateWord } from "./node-words.ts";

export function spoken(node: DrawnNode): string {
  const kind = node.kind === "resource" ? ", a resource" : "";
  const state = node.state === undefined ? "" : `: ${stateWord(node)}`;
  const why = node.why === undefined ? "" : `, ${node.why}`;
  const note = node.note === undefined ? "" : `, ${node.note}`;
  return `${node.id}, ${node.uses}${kind}${state}${why}${note}`;
}
