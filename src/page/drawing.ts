/** The steps and edges of one drawing as things to click, to walk along with the arrow keys, and to highlight. */
import type { DrawnNode, GraphDocument } from "../views/graph/document.ts";
import { signOf, stateLine } from "../views/graph/node-words.ts";
import { spoken } from "../views/graph/spoken.ts";
import { type Direction, neighbour, type Place } from "./walk.ts";

const ARROWS: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export interface DrawingOptions {
  document: GraphDocument;
  /** What the ids of its elements begin with. */
  prefix: string;
  onSelect(id: string): void;
  /** Enter on a step: goes on to what is told of it. */
  onEnter(id: string): void;
  /** The step that the keyboard is on now. */
  onFocus(element: Element): void;
}

export class Drawing {
  readonly #options: DrawingOptions;
  readonly #elements = new Map<string, SVGGElement>();
  readonly #edges = new Map<string, SVGElement[]>();
  readonly #places = new Map<string, Place>();
  /** The one that Tab reaches. */
  #current: string | undefined;

  constructor(svg: SVGSVGElement, options: DrawingOptions) {
    this.#options = options;
    const { nodes } = options.document;
    const readers = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
    for (const { id, needs } of nodes) for (const need of needs) readers.get(need)?.push(id);
    nodes.forEach((node, i) => {
      const element = svg.querySelector<SVGGElement>(`#${options.prefix}n${i}`)!;
      element.setAttribute("role", "button");
      element.setAttribute("tabindex", "-1");
      element.dataset.id = node.id;
      this.#elements.set(node.id, element);
      const box = element.querySelector<SVGRectElement>(".box")!;
      const [x, y] = /translate\(([-\d.]+),([-\d.]+)\)/.exec(element.getAttribute("transform")!)!.slice(1);
      this.#places.set(node.id, {
        id: node.id,
        x: Number(x) + box.width.baseVal.value / 2,
        y: Number(y) + box.height.baseVal.value / 2,
        needs: node.needs,
        readers: readers.get(node.id)!,
      });
    });
    for (const edge of svg.querySelectorAll<SVGElement>(".edge"))
      for (const end of [edge.dataset.from, edge.dataset.to]) {
        const node = nodes[Number(end)];
        if (end === undefined || !node) continue;
        const edges = this.#edges.get(node.id) ?? [];
        edges.push(edge);
        this.#edges.set(node.id, edges);
      }
    if (nodes[0]) this.#tabTo(nodes[0].id);
    svg.addEventListener("click", (event) => this.#clicked(event));
    svg.addEventListener("keydown", (event) => this.#key(event));
  }

  element(id: string): SVGGElement | undefined {
    return this.#elements.get(id);
  }

  focus(id: string): void {
    const element = this.#elements.get(id);
    if (!element) return;
    this.#tabTo(id);
    element.focus({ preventScroll: true });
    this.#options.onFocus(element);
  }

  /** Steps that `matches` denies are faded, and so are the edges between those. */
  narrow(matches: ((node: DrawnNode) => boolean) | undefined): void {
    for (const node of this.#options.document.nodes)
      this.#elements.get(node.id)!.classList.toggle("faded", matches !== undefined && !matches(node));
  }

  select(id: string | undefined, before: string | undefined): void {
    this.#mark(before, "plain");
    this.#mark(id, "selected");
    if (id !== undefined && this.#elements.has(id)) this.#tabTo(id);
  }

  mark(id: string, name: string): void {
    this.#elements.get(id)?.classList.add(name);
  }

  /** Draws a step's state again. */
  update(node: DrawnNode): void {
    const element = this.#elements.get(node.id);
    if (!element) return;
    for (const name of [...element.classList]) if (name.startsWith("s-")) element.classList.remove(name);
    if (node.state) element.classList.add(`s-${node.state}`);
    element.setAttribute("aria-label", spoken(node));
    const text = (name: string, shown: string) => {
      const place = element.querySelector(`.${name}`);
      if (place) place.textContent = shown;
    };
    text("sign", signOf(node));
    text("facts", factsOf(node));
  }

  #mark(id: string | undefined, as: "selected" | "plain"): void {
    if (id === undefined) return;
    const isSelected = as === "selected";
    const element = this.#elements.get(id);
    element?.classList.toggle("selected", isSelected);
    if (isSelected) element?.setAttribute("aria-current", "true");
    else element?.removeAttribute("aria-current");
    for (const edge of this.#edges.get(id) ?? []) edge.classList.toggle("near", isSelected);
  }

  #tabTo(id: string): void {
    if (this.#current !== undefined) this.#elements.get(this.#current)?.setAttribute("tabindex", "-1");
    this.#elements.get(id)?.setAttribute("tabindex", "0");
    this.#current = id;
  }

  #clicked(event: Event): void {
    const id = idOf(event);
    if (id !== undefined) this.#options.onSelect(id);
  }

  #key(event: KeyboardEvent): void {
    const id = idOf(event);
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = ARROWS[event.key];
    if (direction) {
      event.preventDefault();
      const next = neighbour(this.#places.get(id)!, direction, this.#places);
      if (next) this.focus(next.id);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#options.onEnter(id);
    }
  }
}

function factsOf(node: DrawnNode): string {
  const { progress } = node;
  if (node.state !== "running" || !progress || progress.total === 0) return stateLine(node);
  return `${stateLine(node)} · ${Math.floor((100 * progress.done) / progress.total)} %`;
}

function idOf(event: Event): string | undefined {
  return (event.target as Element).closest<SVGGElement>(".node")?.dataset.id;
}
