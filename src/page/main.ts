/** The page of a graph: puts its parts together and lets them know of one another's choices. */
import { seconds } from "../views/amounts.ts";
import { differences } from "../views/graph/differences.ts";
import type { DrawnNode } from "../views/graph/document.ts";
import { ENDINGS } from "../views/graph/node-words.ts";
import type { PageData } from "../views/graph/page-data.ts";
import { applyRunEvent, nodesById } from "../views/graph/run-document.ts";
import { Canvas } from "./canvas.ts";
import { Details } from "./details.ts";
import { button, byId, h } from "./dom.ts";
import { Drawing } from "./drawing.ts";
import { followRun, liveLog } from "./live.ts";
import { isNarrowed, matches } from "./matching.ts";
import { Steps } from "./steps.ts";
import { Timeline } from "./timeline.ts";
import { ViewState } from "./view-state.ts";

const data = JSON.parse(byId("data").textContent!) as PageData;
const graphs = data.graphs.map((graph) => ({ ...graph, nodes: nodesById(graph.document) }));
const [first, second] = [graphs[0]!, graphs[1]];
const latest = second ?? first;
const state = new ViewState();
const found = second ? differences(first.document, second.document) : [];
const differing = new Set(found.map(({ node }) => node));

const canvases: Canvas[] = [];
const drawings = graphs.map(({ document: drawn }, i) => {
  const frame = byId(`canvas-${i}`);
  const level = h("span", { class: "level" });
  const canvas = new Canvas(frame, (scale) => {
    level.textContent = `${Math.round(scale * 100)} %`;
  });
  canvases.push(canvas);
  const tool = (text: string, label: string, act: () => void) =>
    button(text, act, { title: label, attributes: { "aria-label": label } });
  frame.after(
    h(
      "div",
      { class: "tools", attributes: { role: "toolbar", "aria-label": "Zoom" } },
      tool("−", "Zoom out", () => canvas.zoomBy(1 / 1.25)),
      level,
      tool("+", "Zoom in", () => canvas.zoomBy(1.25)),
      tool("Fit", "Fit the whole graph", () => canvas.fit()),
      tool("1:1", "Actual size", () => canvas.zoomTo(1)),
    ),
  );
  const drawing = new Drawing(frame.querySelector("svg")!, {
    document: drawn,
    prefix: `g${i}-`,
    onSelect: select,
    onEnter(id) {
      select(id);
      details.focus();
    },
    onFocus: (element) => canvas.show(element),
  });
  for (const { node, kind } of found) drawing.mark(node, `differs-${kind}`);
  return drawing;
});

const steps = new Steps({ document: latest.document, state, differing, onSelect: select });
const timeline = new Timeline({ document: latest.document, state, onSelect: select });
const { live } = data;
const details = new Details({
  onSelect: select,
  onClose() {
    const { selected } = state.choice;
    state.choose({ selected: undefined });
    if (selected !== undefined) drawings.at(-1)!.focus(selected);
  },
  ...(live
    ? { log: (node: string) => liveLog(live.run, node, () => latest.document.run?.state === "unfinished") }
    : {}),
});

function select(id: string): void {
  if (graphs.some(({ nodes }) => nodes.has(id))) state.choose({ selected: id });
}

function showDetails(): void {
  const { selected } = state.choice;
  const shown = graphs.flatMap(({ title, document: drawn, nodes }) => {
    const node = nodes.get(selected ?? "");
    return node ? [{ title, document: drawn, node }] : [];
  });
  if (shown.length === 0) details.hide();
  else
    details.show(
      shown,
      found.find(({ node }) => node === selected),
    );
}

state.subscribe((choice, before) => {
  if (choice.selected !== before.selected) {
    showDetails();
    document.body.classList.toggle("looking", choice.selected !== undefined);
    drawings.forEach((drawing, i) => {
      drawing.select(choice.selected, before.selected);
      const element = choice.selected === undefined ? undefined : drawing.element(choice.selected);
      if (element) canvases[i]!.show(element);
    });
    const place = choice.selected === undefined ? " " : `#${encodeURIComponent(choice.selected)}`;
    history.replaceState(null, "", place === " " ? location.pathname + location.search : place);
  }
  if (
    choice.search !== before.search ||
    choice.states !== before.states ||
    choice.differing !== before.differing
  )
    for (const drawing of drawings)
      drawing.narrow(isNarrowed(choice) ? (node: DrawnNode) => matches(node, choice, differing) : undefined);
});

document.addEventListener("keydown", (event) => {
  const typing = (event.target as Element).matches("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const canvas = canvases.at(-1)!;
  const act: Record<string, () => void> = {
    "/": () => steps.search.focus(),
    "+": () => canvas.zoomBy(1.25),
    "=": () => canvas.zoomBy(1.25),
    "-": () => canvas.zoomBy(1 / 1.25),
    "0": () => canvas.fit(),
    Escape: () => state.choose({ selected: undefined }),
  };
  if (!act[event.key]) return;
  event.preventDefault();
  act[event.key]!();
});

for (const canvas of canvases) canvas.start();
const asked = decodeURIComponent(location.hash.slice(1));
if (asked !== "") select(asked);
if (live) follow(live);
document.body.classList.add("ready");

function follow({ run, from }: NonNullable<PageData["live"]>): void {
  const told = byId("live");
  const changed = new Set<DrawnNode>();
  let isDue = false;
  /** Once a frame, however many events come. */
  const drawSoon = () => {
    if (!isDue) requestAnimationFrame(redraw);
    isDue = true;
  };
  const redraw = () => {
    isDue = false;
    for (const node of changed) {
      drawings[0]!.update(node);
      steps.update(node);
    }
    if ([...changed].some(({ id }) => id === state.choice.selected)) showDetails();
    changed.clear();
    steps.drawChips();
    timeline.draw();
    tell();
  };
  const tell = () => {
    const { run: at } = latest.document;
    if (!at) return;
    told.textContent =
      at.state === "unfinished"
        ? `running for ${seconds(at.seconds)}`
        : `${ENDINGS[at.state]} after ${seconds(at.seconds)}`;
    told.className = `live ${at.state}`;
  };
  const clock = setInterval(() => {
    const { run: at } = latest.document;
    if (at?.state !== "unfinished") return clearInterval(clock);
    at.seconds = Math.max(at.seconds, (Date.now() - Date.parse(at.startedAt)) / 1000);
    drawSoon();
  }, 1000);
  tell();
  followRun({
    run,
    from,
    onEvent(event) {
      const node = applyRunEvent(latest.document, latest.nodes, event);
      if (node) changed.add(node);
      drawSoon();
    },
    onConnection: (connection) => document.body.classList.toggle("lost", connection === "lost"),
  });
}
