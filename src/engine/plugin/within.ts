/**
 * Steps made of steps: the same step types that a template names, one after the other within one node. What they take
 * is the node's, and is released when it ends.
 */
import * as z from "zod";
import type { StepContext } from "./context.ts";
import type { StepType } from "./step.ts";

/**
 * Runs or acquires `type` with `inputs`, of which defaults are filled in. `O` is what its outputs are. For step types
 * without a `resolve`; the composing step names their tools as its own.
 */
export async function within<O>(
  step: StepContext,
  type: StepType,
  inputs: Record<string, unknown>,
): Promise<O> {
  if (type.resolve) throw new Error(`bug: ${type.name} resolves its inputs when planning: not within a step`);
  const own: StepContext = { ...step, inputs: z.strictObject(type.inputs).parse(inputs), resolved: {} };
  return (await (type.kind === "artifact" ? type.run(own) : type.acquire(own))) as O;
}
