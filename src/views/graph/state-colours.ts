/**
 * The colours of states, on a light ground: after the palette of Okabe and Ito ("Color Universal Design", 2008), which
 * people see apart however they see colour. Every text on its fill has a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
 */
import type { NodeState } from "./document.ts";

export interface StateColours {
  fill: string;
  line: string;
  text: string;
}

const quiet: StateColours = { fill: "#f4f4f2", line: "#a3a39e", text: "#5a5a55" };

export const STATE_COLOURS: Record<NodeState, StateColours> = {
  hit: { fill: "#eaf3fa", line: "#5b93ba", text: "#1c4a6b" },
  miss: { fill: "#fdeedd", line: "#d07a17", text: "#7a3f00" },
  pending: { fill: "#fdf8dc", line: "#b49a1c", text: "#5f4f00" },
  unneeded: quiet,
  waiting: quiet,
  running: { fill: "#dcecff", line: "#0072b2", text: "#003f66" },
  built: { fill: "#e2f5ee", line: "#009e73", text: "#00543d" },
  failed: { fill: "#fbe5e1", line: "#c23b1e", text: "#7d1f0a" },
  cancelled: { fill: "#f6eaf2", line: "#a8588a", text: "#6b2d55" },
  skipped: quiet,
};
