/** What a run is doing and holding right now, from its events: for the one who waits for it to end, or wants to look. */

import type { RunEvent } from "../engine/run/event.ts";
import type { Acquisition } from "../engine/run/journal.ts";

export interface Activity {
  onEvent(event: RunEvent): void;
  /** Steps that have begun and not ended. */
  running(): string[];
  /** What is held on this machine, of one step or of all, in the order of taking. */
  held(node?: string): Acquisition[];
}

export function watchActivity(): Activity {
  const running = new Set<string>();
  const held = new Map<string, { node: string; acquisition: Acquisition }>();
  return {
    onEvent(event) {
      if (event.type === "node-started") running.add(event.node);
      if (event.type === "node-finished") running.delete(event.node);
      if (event.type === "resource-acquired" && event.acquisition)
        held.set(JSON.stringify(event.acquisition), { node: event.node, acquisition: event.acquisition });
      if (event.type === "resource-released" && event.acquisition)
        held.delete(JSON.stringify(event.acquisition));
    },
    running: () => [...running],
    held: (node) =>
      [...held.values()]
        .filter((one) => node === undefined || one.node === node)
        .map(({ acquisition }) => acquisition),
  };
}
