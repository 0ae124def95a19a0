/** `uses: PLUGIN/STEP` → step types; each is looked up once in a compilation. */
import { type Position, TplError } from "../errors.ts";
import type { StepTypes } from "../plugin/plugin.ts";
import type { StepType } from "../plugin/step.ts";
import type { Diagnostics } from "../template/diagnostic.ts";
import { suggest } from "../template/suggest.ts";

export class TypeLookup {
  readonly #types: StepTypes;
  readonly #diagnostics: Diagnostics;
  readonly #found = new Map<string, StepType | undefined>();

  constructor(types: StepTypes, diagnostics: Diagnostics) {
    this.#types = types;
    this.#diagnostics = diagnostics;
  }

  /** Undefined where there is none, which is then said at `where`; an empty `uses` was complained about before. */
  async get(uses: string, where: Position): Promise<StepType | undefined> {
    if (uses === "") return undefined;
    if (!this.#found.has(uses)) this.#found.set(uses, await this.#load(uses, where));
    const type = this.#found.get(uses);
    if (!type) await this.#unknown(uses, where);
    return type;
  }

  #load(uses: string, where: Position): Promise<StepType | undefined> {
    return this.#orDiagnostic(where, async () => (await this.#types.get(uses))?.type);
  }

  async #unknown(uses: string, where: Position): Promise<void> {
    const names = (await this.#orDiagnostic(where, () => this.#types.names())) ?? [];
    const near = suggest(uses, names);
    const [plugin = ""] = uses.split("/");
    const siblings = names.filter((name) => name.startsWith(`${plugin}/`));
    const ofPlugin = siblings.length > 0 ? `${plugin} has: ${siblings.join(", ")}` : undefined;
    this.#diagnostics.error(where, {
      code: "unknown-step-type",
      message: `there is no step type "${uses}"`,
      hint: near ? `did you mean "${near}"?` : (ofPlugin ?? "tplgraph plugins ls shows what there is"),
    });
  }

  /** A plugin that fails to load fails every step that uses it, where it is used. */
  async #orDiagnostic<T>(where: Position, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TplError)) throw error;
      this.#diagnostics.error(where, { code: error.code, message: error.message, hint: error.hint });
      return undefined;
    }
  }
}
