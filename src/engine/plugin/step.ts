/**
 * Step types: data plus one function. An artifact step's `run` is a function of its inputs; a resource
 * step's `acquire` takes something on this machine and leaves its release to the scope it is given.
 */
import type * as z from "zod";
import type { Json } from "../artifact.ts";
import type { PlanContext, StepContext } from "./context.ts";

/** A port name to its schema. Camel-case names; byte and time units in the name (`sizeMiB`). */
export type Ports = Record<string, z.ZodType>;

/** What a step reads: `z.output` of every input's schema, under its name. */
export type ValuesOf<P extends Ports> = { [K in keyof P]: z.output<P[K]> };

/** A fault of a node's inputs that shows without building: reported at the template's position of that input. */
export interface InputIssue {
  /** Path below `with`: `["sizeMiB"]`. */
  path: readonly (string | number)[];
  code: string;
  message: string;
  hint?: string;
}

interface StepBase<I extends Ports, O extends Ports> {
  /** kebab-case; `ext4/mkfs` is step `mkfs` of plugin `ext4`. */
  name: string;
  /** One line, imperative, for tables. */
  summary: string;
  inputs: I;
  outputs: O;
  /**
   * Executables it runs, each with the arguments that print its version. The first line of what that prints
   * stands in the key; whether they are there is checked before a build touches anything.
   */
  tools?: Record<string, readonly string[]>;
  /** What of the machine determines the output: stands in the key. */
  platform?: readonly ("arch" | "kernel")[];
  /** Error codes of its own and when each comes, for people: what the step's documentation lists. */
  failures?: Readonly<Record<string, string>>;
  /** False: two runs may differ in bytes (a VM ran). Default true. */
  reproducible?: boolean;
  /**
   * Resolves mutable inputs (host files, archive dates) when planning. What it returns stands in the key and
   * comes back to `run` as `step.resolved`. It must read the world through `plan` alone, which remembers.
   */
  resolve?(inputs: PlanValues<I>, plan: PlanContext): Promise<Record<string, Json>>;
  /** One line for the plan: what the step will do with these inputs, and why, where `resolve` decided that. */
  note?(resolved: Record<string, Json>): string;
  /** Looks for faults of the inputs before anything is touched. Inputs not known yet (pending) are undefined. */
  check?(inputs: PlanValues<I>, plan: PlanContext): Promise<InputIssue[]>;
}

/** Inputs as they are known when planning: literals are, an upstream's outputs may not be. */
export type PlanValues<I extends Ports> = { [K in keyof I]?: z.output<I[K]> };

export interface ArtifactStepType<I extends Ports = Ports, O extends Ports = Ports> extends StepBase<I, O> {
  kind: "artifact";
  run(step: StepContext<ValuesOf<I>>): Promise<ValuesOf<O>>;
}

export interface ResourceStepType<I extends Ports = Ports, O extends Ports = Ports> extends StepBase<I, O> {
  kind: "resource";
  /** Whatever it takes, it takes through `step` (which releases it), and only then returns what consumers get. */
  acquire(step: StepContext<ValuesOf<I>>): Promise<ValuesOf<O>>;
}

export type StepType = ArtifactStepType | ResourceStepType;

/** A step that makes artifacts. The types of `run` follow from the schemas. */
export function defineStep<I extends Ports, O extends Ports>(
  type: Omit<ArtifactStepType<I, O>, "kind">,
): ArtifactStepType {
  return { ...type, kind: "artifact" } as unknown as ArtifactStepType;
}

/** A step that holds a resource for its consumers. */
export function defineResource<I extends Ports, O extends Ports>(
  type: Omit<ResourceStepType<I, O>, "kind">,
): ResourceStepType {
  return { ...type, kind: "resource" } as unknown as ResourceStepType;
}
