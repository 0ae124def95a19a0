/** The style of drawings: in an SVG file, and in the page. Colours are variables, so that dark, light and print share it. */
import type { NodeState } from "./document.ts";
import { STATE_COLOURS, type StateColours } from "./state-colours.ts";

/** The same hues on a dark ground. */
const DARK: Record<NodeState, StateColours> = {
  hit: { fill: "#1b2e3d", line: "#5b93ba", text: "#bcdcf2" },
  miss: { fill: "#3d2a12", line: "#e0912f", text: "#ffd9a8" },
  pending: { fill: "#35300f", line: "#c9b037", text: "#f3e7a0" },
  unneeded: { fill: "#24262a", line: "#5d6168", text: "#a6abb3" },
  waiting: { fill: "#24262a", line: "#6d727a", text: "#b4b9c1" },
  running: { fill: "#0f3350", line: "#4ba8e8", text: "#cfe8fc" },
  built: { fill: "#113528", line: "#2fb98c", text: "#b5ecd8" },
  failed: { fill: "#46190f", line: "#ee6a4b", text: "#ffd0c5" },
  cancelled: { fill: "#392234", line: "#c77fae", text: "#f0cfe3" },
  skipped: { fill: "#24262a", line: "#5d6168", text: "#a6abb3" },
};

const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';

export const DRAWING_CSS = `
:root { ${variables(STATE_COLOURS)}
  --ground: #fff; --ink: #1d1f22; --soft: #63676e; --edge: #9aa0a8; --frame: #d9dce0; --frame-fill: #f8f9fa;
  --strong: #1d1f22; --box: #fff; }
.drawing { font-family: ${FONT}; }
@media (prefers-color-scheme: dark) { :root { ${variables(DARK)}
  --ground: #17181b; --ink: #eceef1; --soft: #a2a8b1; --edge: #6b717a; --frame: #34373d; --frame-fill: #1c1e22;
  --strong: #f4f6f8; --box: #212327; } }
@media print { :root { ${variables(STATE_COLOURS)}
  --ground: #fff; --ink: #000; --soft: #444; --edge: #777; --frame: #bbb; --frame-fill: #fff; --strong: #000; --box: #fff; } }
.drawing .ground { fill: var(--ground); }
.drawing text { fill: var(--ink); font-size: 11px; }
.drawing .group rect { fill: var(--frame-fill); stroke: var(--frame); }
.drawing .group text { fill: var(--soft); font-weight: 600; letter-spacing: .02em; }
.drawing .edge { fill: none; stroke: var(--edge); stroke-width: 1.3; }
.drawing .arrow { fill: var(--edge); }
.drawing .edge.order { stroke-dasharray: 2 4; }
.drawing .edge.held { stroke-dasharray: 6 3; }
.drawing .edge.critical { stroke: var(--strong); stroke-width: 2.6; }
.drawing .flow { fill: var(--soft); font-size: 9.5px; text-anchor: middle; paint-order: stroke;
  stroke: var(--ground); stroke-width: 3px; stroke-linejoin: round; pointer-events: none; }
.drawing .output path { fill: var(--box); stroke: var(--strong); stroke-width: 1.2; }
.drawing .output text { font-weight: 600; font-size: 12px; }
.drawing .box { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
.drawing .resource .box { stroke-dasharray: 5 3; }
.drawing .name { font-size: 13px; font-weight: 600; }
.drawing .uses { fill: var(--soft); }
.drawing .disc { fill: var(--edge); }
.drawing .sign { fill: var(--ground); font-size: 9px; font-weight: 700; text-anchor: middle; }
.drawing .critical > .box { stroke: var(--strong); stroke-width: 2.6; }
${(Object.keys(STATE_COLOURS) as NodeState[]).map(stateRules).join("\n")}
`;

function variables(colours: Record<NodeState, StateColours>): string {
  return Object.entries(colours)
    .map(
      ([state, { fill, line, text }]) =>
        `--${state}-fill:${fill};--${state}-line:${line};--${state}-text:${text};`,
    )
    .join("");
}

/** The same of states outside of drawings, in the page's lists and bars. */
export const STATES_CSS = (Object.keys(STATE_COLOURS) as NodeState[])
  .map((state) =>
    [
      `.s-${state} > .sign { color: var(--${state}-line); }`,
      `.badge.s-${state} { background: var(--${state}-fill); border-color: var(--${state}-line); color: var(--${state}-text); }`,
      `.bar.s-${state} { background: var(--${state}-line); }`,
    ].join("\n"),
  )
  .join("\n");

function stateRules(state: NodeState): string {
  return [
    `.drawing .s-${state} .box { fill: var(--${state}-fill); stroke: var(--${state}-line); }`,
    `.drawing .s-${state} .disc { fill: var(--${state}-line); }`,
    `.drawing .s-${state} .facts { fill: var(--${state}-text); }`,
    `.drawing .s-${state}.critical > .box { stroke: var(--strong); }`,
  ].join("\n");
}
