/** The column of steps: search, filters by state, and the list that both narrow. Everything in the drawing can be reached here too. */
import type { DrawnNode, GraphDocument, NodeState } from "../views/graph/document.ts";
import { STATES, signOf, stateLine } from "../views/graph/node-words.ts";
import { button, byId, h } from "./dom.ts";
import { isNarrowed, matches } from "./matching.ts";
import type { Choice, ViewState } from "./view-state.ts";

export interface StepsOptions {
  document: GraphDocument;
  state: ViewState;
  /** Steps that differ from the other graph; empty where there is none. */
  differing: ReadonlySet<string>;
  onSelect(id: string): void;
}

export class Steps {
  readonly #options: StepsOptions;
  readonly #rows = new Map<string, HTMLButtonElement>();
  readonly #chips = h("div", { class: "chips", attributes: { role: "group", "aria-label": "Filter" } });
  readonly #count = h("p", { class: "count", attributes: { role: "status" } });
  readonly search = h("input", {
    attributes: {
      type: "search",
      id: "search",
      placeholder: "Find a step",
      autocomplete: "off",
      spellcheck: "false",
    },
  });

  constructor(options: StepsOptions) {
    this.#options = options;
    const { document, state, onSelect } = options;
    const list = h("ul", { class: "steps" });
    for (const node of document.nodes) {
      const row = h("button", { attributes: { type: "button" }, onClick: () => onSelect(node.id) });
      this.#rows.set(node.id, row);
      this.#fill(node);
      list.append(h("li", {}, row));
    }
    this.search.addEventListener("input", () => state.choose({ search: this.search.value }));
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#first()?.click();
      if (event.key === "Escape") this.clear();
    });
    const label = h("label", { class: "hidden", text: "Find a step", attributes: { for: "search" } });
    byId("steps").append(label, this.search, this.#chips, this.#count, list);
    list.addEventListener("keydown", (event) => this.#key(event));
    this.drawChips();
    state.subscribe((choice, before) => this.#chosen(choice, before));
    this.#tell(state.choice);
  }

  clear(): void {
    this.search.value = "";
    this.#options.state.choose({ search: "", states: new Set(), differing: false });
  }

  update(node: DrawnNode): void {
    this.#fill(node);
  }

  /** The filters: a state that no step is in has none. */
  drawChips(): void {
    const { document, state, differing } = this.#options;
    const counts = new Map<NodeState, number>();
    for (const { state: one } of document.nodes) if (one) counts.set(one, (counts.get(one) ?? 0) + 1);
    const chips = (Object.keys(STATES) as NodeState[]).flatMap((one) => {
      const count = counts.get(one);
      if (!count) return [];
      const pressed = state.choice.states.has(one);
      const chip = button("", () => this.#toggle(one), {
        class: `chip s-${one}`,
        attributes: { "aria-pressed": String(pressed), "data-state": one },
      });
      chip.append(
        h("span", { class: "sign", text: STATES[one].sign, attributes: { "aria-hidden": "true" } }),
        ` ${STATES[one].word} `,
        h("b", { text: String(count) }),
      );
      return chip;
    });
    if (differing.size > 0) {
      const chip = button(`differs `, () => state.choose({ differing: !state.choice.differing }), {
        class: "chip differs",
        attributes: { "aria-pressed": String(state.choice.differing) },
      });
      chip.append(h("b", { text: String(differing.size) }));
      chips.push(chip);
    }
    this.#chips.replaceChildren(...chips);
  }

  #toggle(one: NodeState): void {
    const { state } = this.#options;
    const states = new Set(state.choice.states);
    if (!states.delete(one)) states.add(one);
    state.choose({ states });
  }

  #chosen(choice: Choice, before: Choice): void {
    if (choice.selected !== before.selected) {
      for (const [id, isSelected] of [
        [before.selected, false],
        [choice.selected, true],
      ] as const) {
        const row = id === undefined ? undefined : this.#rows.get(id);
        if (isSelected) {
          row?.setAttribute("aria-current", "true");
          row?.scrollIntoView({ block: "nearest" });
        } else row?.removeAttribute("aria-current");
      }
    }
    if (choice.states !== before.states || choice.differing !== before.differing) this.#press(choice);
    this.#tell(choice);
  }

  #press({ states, differing }: Choice): void {
    for (const chip of this.#chips.querySelectorAll("button")) {
      const one = chip.dataset.state as NodeState | undefined;
      chip.setAttribute("aria-pressed", String(one === undefined ? differing : states.has(one)));
    }
  }

  #tell(choice: Choice): void {
    const { document, differing } = this.#options;
    let shown = 0;
    for (const node of document.nodes) {
      const isShown = matches(node, choice, differing);
      if (isShown) shown++;
      this.#rows.get(node.id)!.parentElement!.hidden = !isShown;
    }
    const all = document.nodes.length;
    this.#count.textContent = isNarrowed(choice) ? `${shown} of ${all} steps` : `${all} steps`;
  }

  #fill(node: DrawnNode): void {
    const row = this.#rows.get(node.id)!;
    row.className = `step ${node.state ? `s-${node.state}` : ""}`;
    row.replaceChildren(
      h("span", { class: "sign", text: signOf(node) || "·", attributes: { "aria-hidden": "true" } }),
      h("span", { class: "step-name", text: node.id }),
      h("span", { class: "step-facts", text: stateLine(node) || node.uses }),
    );
  }

  #first(): HTMLButtonElement | undefined {
    return this.#shown()[0];
  }

  #shown(): HTMLButtonElement[] {
    return [...this.#rows.values()].filter((row) => !row.parentElement!.hidden);
  }

  #key(event: KeyboardEvent): void {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const rows = this.#shown();
    rows[rows.indexOf(document.activeElement as HTMLButtonElement) + step]?.focus();
  }
}
