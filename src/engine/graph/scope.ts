/** What the steps of one template, taken in with one set of parameters, can see of each other. */
import type { Json } from "../artifact.ts";
import type { StepType } from "../plugin/step.ts";
import type { Diagnostics } from "../template/diagnostic.ts";
import type { Template, TemplateStep } from "../template/template.ts";

export interface TemplateScope {
  template: Template;
  params: ReadonlyMap<string, Json>;
  /** Absolute folder of the template file. */
  folder: string;
  steps: ReadonlyMap<string, ScopedStep>;
  diagnostics: Diagnostics;
}

export interface ScopedStep {
  step: TemplateStep;
  /** The node's id. */
  id: string;
  /** Undefined where the step type is unknown: nothing more is said of what hangs on it. */
  type: StepType | undefined;
}

/** A step as messages name it. */
export function nameOf({ id, step }: Pick<ScopedStep, "id" | "step">): string {
  return `step "${id}" (${step.uses.value})`;
}
