/**
 * The run along time: a row for each step that ran, from when it could have begun (hatched: waiting for a job) to its
 * end; of a resource also how long it was held. Above, how many jobs were busy.
 */
import { seconds } from "../views/amounts.ts";
import type { DrawnNode, GraphDocument } from "../views/graph/document.ts";
import { signOf, stateWord } from "../views/graph/node-words.ts";
import { byId, h } from "./dom.ts";
import type { ViewState } from "./view-state.ts";

export interface TimelineOptions {
  document: GraphDocument;
  state: ViewState;
  onSelect(id: string): void;
}

/** In seconds since the run's start. */
interface Span {
  node: DrawnNode;
  ready: number;
  begin: number;
  end: number;
  /** Of a resource: when it was let go. */
  held: number | undefined;
}

export class Timeline {
  readonly #options: TimelineOptions;
  readonly #body = h("div", { class: "rows" });
  readonly #head = h("div", { class: "timeline-head" });
  #rows = new Map<string, HTMLElement>();

  constructor(options: TimelineOptions) {
    this.#options = options;
    const title = h("h2", { text: "Timeline" });
    byId("timeline").append(title, this.#head, this.#body);
    options.state.subscribe((choice, before) => {
      if (choice.selected === before.selected) return;
      this.#rows.get(before.selected ?? "")?.removeAttribute("aria-current");
      const row = this.#rows.get(choice.selected ?? "");
      row?.setAttribute("aria-current", "true");
      row?.scrollIntoView({ block: "nearest" });
    });
    this.draw();
  }

  draw(): void {
    const { document, state, onSelect } = this.#options;
    const spans = spansOf(document);
    byId("timeline").hidden = spans.length === 0;
    if (spans.length === 0) return;
    const total = Math.max(0.001, document.run?.seconds ?? 0, ...spans.map(({ end, held }) => held ?? end));
    this.#head.replaceChildren(busy(spans, total), axis(total));
    this.#rows = new Map(spans.map((span) => [span.node.id, row(span, total, onSelect)]));
    this.#body.replaceChildren(...this.#rows.values());
    this.#rows.get(state.choice.selected ?? "")?.setAttribute("aria-current", "true");
  }
}

function spansOf(document: GraphDocument): Span[] {
  const { run } = document;
  if (!run) return [];
  const zero = Date.parse(run.startedAt);
  const at = (text: string) => Math.max(0, (Date.parse(text) - zero) / 1000);
  const spans = document.nodes.flatMap((node): Span[] => {
    if (!node.startedAt || node.state === "hit") return [];
    const begin = at(node.startedAt);
    const end = node.state === "running" ? run.seconds : begin + (node.seconds ?? 0);
    const held = node.kind === "resource" ? (node.releasedAt ? at(node.releasedAt) : run.seconds) : undefined;
    return [{ node, ready: node.readyAt ? at(node.readyAt) : begin, begin, end, held }];
  });
  return spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
}

function row(
  { node, ready, begin, end, held }: Span,
  total: number,
  onSelect: (id: string) => void,
): HTMLElement {
  const waited = begin - ready;
  const words = [
    `${node.id}: ${stateWord(node)}`,
    `began ${seconds(begin)} after the start`,
    `ran ${seconds(end - begin)}${node.job === undefined ? "" : ` on job ${node.job + 1}`}`,
    ...(waited > 0.05 ? [`waited ${seconds(waited)} for a job`] : []),
    ...(held === undefined ? [] : [`was held until ${seconds(held)}`]),
  ].join(", ");
  const lane = h("span", { class: "lane", attributes: { "aria-hidden": "true" } });
  const bar = (name: string, from: number, to: number, text = "") => {
    const element = h("span", { class: `bar ${name}`, text });
    element.style.left = `${(100 * from) / total}%`;
    element.style.width = `${(100 * Math.max(0, to - from)) / total}%`;
    lane.append(element);
  };
  if (waited > 0) bar("waited", ready, begin);
  if (held !== undefined) bar("held", end, held);
  bar(`ran s-${node.state}`, begin, end);
  const label = h("span", { class: "bar-label", text: seconds(end - begin) });
  const after = (100 * (held ?? end)) / total;
  if (after < 85) label.style.left = `calc(${after}% + 6px)`;
  else label.style.right = `calc(${100 - (100 * ready) / total}% + 6px)`;
  lane.append(label);
  return h(
    "button",
    {
      class: "row",
      title: words,
      attributes: { type: "button", "aria-label": words },
      onClick: () => onSelect(node.id),
    },
    h(
      "span",
      { class: `row-name s-${node.state}`, attributes: { "aria-hidden": "true" } },
      h("span", { class: "sign", text: signOf(node) }),
      ` ${node.id}`,
    ),
    lane,
  );
}

/** How many jobs were busy at any time: a step shape. */
function busy(spans: readonly Span[], total: number): HTMLElement {
  const on = spans.filter(({ node }) => node.job !== undefined);
  const changes = on
    .flatMap(({ begin, end }) => [
      { at: begin, by: 1 },
      { at: end, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  let level = 0;
  let most = 1;
  const points = changes.map(({ at, by }) => {
    level += by;
    most = Math.max(most, level);
    return { at, level };
  });
  const jobs = Math.max(most, ...on.map(({ node }) => node.job! + 1));
  const path = [`M0,${jobs}`];
  for (const { at, level: height } of points) path.push(`H${(1000 * at) / total}V${jobs - height}`);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 1000 ${jobs}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", `${path.join("")}H1000V${jobs}Z`);
  svg.append(shape);
  const text = `${jobs === 1 ? "1 job" : `${jobs} jobs`}`;
  return h(
    "div",
    { class: "busy" },
    h("span", { class: "row-name", text }),
    h("span", { class: "lane" }, svg as unknown as HTMLElement),
  );
}

function axis(total: number): HTMLElement {
  const lane = h("span", { class: "lane" });
  const step = tick(total);
  for (let at = 0; at <= total; at += step) {
    const mark = h("span", { class: "tick", text: tickText(at, step) });
    mark.style.left = `${(100 * at) / total}%`;
    if (at + step * 0.6 > total && at > 0) mark.classList.add("last");
    lane.append(mark);
  }
  return h(
    "div",
    { class: "axis", attributes: { "aria-hidden": "true" } },
    h("span", { class: "row-name" }),
    lane,
  );
}

/** As exact as the marks are apart. */
function tickText(at: number, step: number): string {
  if (step >= 1) return seconds(at);
  return step < 0.01 ? `${Math.round(at * 1000)}ms` : `${at.toFixed(step < 0.1 ? 2 : 1)}s`;
}

/** Some five to ten marks, at round times. */
function tick(total: number): number {
  const rough = total / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough)!;
}
