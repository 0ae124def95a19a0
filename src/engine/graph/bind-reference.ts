/** `${{ steps.S.OUT }}` as the value of an input: the output must be there and fit the port. */
import type * as z from "zod";
import type { Position } from "../errors.ts";
import { portInfo } from "../plugin/port.ts";
import type { StepReference } from "../template/reference.ts";
import { type FoundOutput, findOutput } from "./find-output.ts";
import type { InputBinding } from "./graph.ts";
import { dataKind, portWords } from "./port-words.ts";
import { nameOf, type ScopedStep, type TemplateScope } from "./scope.ts";

export interface InputPlace {
  scope: TemplateScope;
  step: ScopedStep;
  /** The input's name. */
  input: string;
  port: z.ZodType;
}

export function bindReference(
  place: InputPlace,
  reference: StepReference,
  where: Position,
): InputBinding | undefined {
  const found = findOutput(place.scope, reference, where);
  if (!found || !fits(place, found, where)) return undefined;
  const { kind, sharing } = portInfo(place.port);
  return {
    from: "node",
    node: found.from.id,
    output: found.output,
    path: found.path,
    ...(kind === "resource" && sharing ? { sharing } : {}),
    where,
  };
}

function fits({ scope, step, input, port }: InputPlace, found: FoundOutput, where: Position): boolean {
  if (!found.schema) return true;
  const is = portInfo(found.schema);
  const output = `output "${[found.output, ...found.path].join(".")}" of ${nameOf(found.from)}`;
  if (is.type !== portInfo(port).type) {
    scope.diagnostics.error(where, {
      code: "wrong-port",
      message: `input "${input}" of ${nameOf(step)} takes ${portWords(port)}, but ${output} is ${portWords(is)}`,
      hint: otherOutputs(found, port),
    });
    return false;
  }
  if (is.type !== undefined) return true;
  const wanted = dataKind(port, "in");
  const given = dataKind(found.schema, "out");
  if (!wanted || !given || wanted === given) return true;
  scope.diagnostics.error(where, {
    code: "wrong-type",
    message: `input "${input}" of ${nameOf(step)} takes ${wanted}, but ${output} is ${given}`,
  });
  return false;
}

/** What of the same step would fit, or how a tree is made of an image. */
function otherOutputs({ from }: FoundOutput, port: z.ZodType): string | undefined {
  const { type } = portInfo(port);
  const fitting = Object.entries(from.type?.outputs ?? {}).filter(
    ([, schema]) => type !== undefined && portInfo(schema).type === type,
  );
  if (fitting.length > 0) return `its output "${fitting[0]![0]}" is ${portWords(port)}`;
  if (type === "tree")
    return "a step that attaches an image makes a tree of it: tplgraph plugins ls shows which";
  if (type === "image") return "name the output of a step that makes an image";
  return undefined;
}
