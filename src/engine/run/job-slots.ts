/** The jobs of a run: at most so many nodes run at a time, and each on a numbered one, so that a timeline can show which. */
export class JobSlots {
  readonly #count: number;
  #taken = 0;
  /** Numbers below `#highest` that were given back. */
  readonly #free: number[] = [];
  #highest = 0;

  constructor(count: number) {
    this.#count = count;
  }

  /** A job that is free, from 0; undefined where all are taken. */
  take(): number | undefined {
    if (this.#taken === this.#count) return undefined;
    this.#taken++;
    return this.#free.pop() ?? this.#highest++;
  }

  giveBack(job: number): void {
    this.#taken--;
    this.#free.push(job);
  }
}
