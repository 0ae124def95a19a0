/** The services of one run: started when the first step asks for them, closed once, whatever became of them. */
import type { CleanupFailure } from "./scope.ts";
import type { Services } from "./services.ts";

export class LazyServices {
  readonly #start: () => Promise<Services>;
  readonly #onDeath: (reason: Error) => void;
  #services: Promise<Services> | undefined;
  #isClosing = false;

  /** `onDeath`: they ended before they were told to. */
  constructor(start: () => Promise<Services>, onDeath: (reason: Error) => void = () => {}) {
    this.#start = start;
    this.#onDeath = onDeath;
  }

  /** Rejects, each time, where they could not be started. */
  get(): Promise<Services> {
    this.#services ??= this.#started();
    return this.#services;
  }

  /** What they could not release. Idempotent. */
  async close(): Promise<CleanupFailure[]> {
    this.#isClosing = true;
    const services = await this.#services?.catch(() => undefined); // that they did not start is a step's error
    this.#services = undefined;
    const failures = (await services?.close()) ?? [];
    return failures.map((failure) => ({ ...failure, node: "" }));
  }

  async #started(): Promise<Services> {
    const services = await this.#start();
    services.died?.then((reason) => {
      if (!this.#isClosing) this.#onDeath(reason);
    });
    return services;
  }
}
