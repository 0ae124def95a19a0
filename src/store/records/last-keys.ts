/**
 * The key that each step had when it was last built. Only explanations need it, so it may be lost with the process:
 * what is set waits and is written together, since a transaction for each of 10,000 small steps takes longer than the
 * steps.
 */
import type { Keyv } from "keyv";

const FLUSH_MS = 250;

export class LastKeys {
  readonly #table: () => Promise<Keyv<string>>;
  #waiting = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  /** `table`: opened when it is first needed. */
  constructor(table: () => Promise<Keyv<string>>) {
    this.#table = table;
  }

  async get(template: string, node: string): Promise<string | undefined> {
    const name = nameOf(template, node);
    return this.#waiting.get(name) ?? (await (await this.#table()).get(name));
  }

  set(template: string, node: string, key: string): void {
    this.#waiting.set(nameOf(template, node), key);
    // A write that fails now is tried once more at the end, and told there.
    this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), FLUSH_MS).unref();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    try {
      await (await this.#table()).setMany([...waiting].map(([key, value]) => ({ key, value })));
    } catch (error) {
      this.#waiting = new Map([...waiting, ...this.#waiting]);
      throw error;
    }
  }
}

/** A NUL is in no path and no step's name, so two pairs never make one text. */
function nameOf(template: string, node: string): string {
  return `${template}\0${node}`;
}
