/** Progress where nobody redraws: a line an event, prefixed with its step, no control characters. */
import type { RunEvent } from "../engine/run/event.ts";
import { bytes, seconds } from "./amounts.ts";
import { summaryLine } from "./plan-table.ts";
import { printable } from "./text-width.ts";

/** What to print for `event`, without a newline; undefined for what only a live view shows. */
export function plainLine(event: RunEvent): string | undefined {
  switch (event.type) {
    case "run-started":
      return printable(
        `${event.plan.graph.template.name}: run ${event.run}: ${summaryLine(event.plan.summary)}`,
      );
    case "node-started":
      return `${printable(event.node)}: started ${event.uses}`;
    case "node-log":
      return `${printable(event.node)}| ${printable(event.line)}`;
    case "node-finished":
      return printable(`${event.node}: ${ending(event)}`);
    case "resource-acquired":
      return event.acquisition ? undefined : `${printable(event.node)}: held`;
    case "resource-released":
      return event.acquisition ? undefined : `${printable(event.node)}: released`;
    case "cleanup-failed":
      return printable(
        `${event.node || "run"}: could not be released: ${event.hook}: ${event.error.message}`,
      );
    case "node-progress":
    case "tool-started":
    case "tool-finished":
    case "upload-progress":
    case "run-finished":
      return undefined;
  }
}

function ending(event: RunEvent & { type: "node-finished" }): string {
  const { status, error, addedBytes } = event;
  if (status === "hit") return "cached";
  const stored = addedBytes ? `, ${bytes(addedBytes)} stored` : "";
  if (status === "built") return `done in ${seconds(event.seconds)}${stored}`;
  if (error) return `${status} after ${seconds(event.seconds)}: ${error.message}`;
  return status;
}
