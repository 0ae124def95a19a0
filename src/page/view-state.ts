/** What the reader of the page has chosen, and who wants to know when that changes. */
import type { NodeState } from "../views/graph/document.ts";

export interface Choice {
  /** The step that is looked at. */
  selected: string | undefined;
  /** Part of a step's name or type. */
  search: string;
  /** Empty: all. */
  states: ReadonlySet<NodeState>;
  /** Only what differs from the other graph. */
  differing: boolean;
}

export class ViewState {
  #choice: Choice = { selected: undefined, search: "", states: new Set(), differing: false };
  readonly #listeners: ((choice: Choice, before: Choice) => void)[] = [];

  get choice(): Choice {
    return this.#choice;
  }

  /** `listener` is called after every change, in the order of subscribing. */
  subscribe(listener: (choice: Choice, before: Choice) => void): void {
    this.#listeners.push(listener);
  }

  choose(change: Partial<Choice>): void {
    const before = this.#choice;
    this.#choice = { ...before, ...change };
    for (const listener of this.#listeners) listener(this.#choice, before);
  }
}
