/** A reference to a step's output, looked up: which node, which port, and whether there is such a field. */
import type * as z from "zod";
import type { Position } from "../errors.ts";
import { portInfo } from "../plugin/port.ts";
import type { StepReference } from "../template/reference.ts";
import { suggest, suggestOrList } from "../template/suggest.ts";
import { fieldsOf, portWords } from "./port-words.ts";
import { nameOf, type ScopedStep, type TemplateScope } from "./scope.ts";

export interface FoundOutput {
  from: ScopedStep;
  output: string;
  path: string[];
  /** Of the output, or of the field that the path leads to; undefined where the schema does not tell. */
  schema: z.ZodType | undefined;
}

/** Undefined where there is none, which was then said, or where the step's own type is unknown. */
export function findOutput(
  scope: TemplateScope,
  { step, output, path }: StepReference,
  where: Position,
): FoundOutput | undefined {
  const from = scope.steps.get(step);
  if (!from) {
    scope.diagnostics.error(where, {
      code: "unknown-step",
      message: `there is no step "${step}"`,
      hint: suggestOrList(step, scope.steps.keys(), "steps"),
    });
    return undefined;
  }
  if (!from.type) return undefined;
  const { outputs } = from.type;
  if (!Object.hasOwn(outputs, output)) {
    const names = Object.keys(outputs);
    const near = suggest(output, names);
    scope.diagnostics.error(where, {
      code: "unknown-output",
      message: `${nameOf(from)} has no output "${output}"; it has: ${names.join(", ")}`,
      hint: near && `did you mean "${near}"?`,
    });
    return undefined;
  }
  const found = { from, output, path, schema: outputs[output] };
  return path.length === 0 ? found : findField(scope, found, where);
}

function findField(scope: TemplateScope, found: FoundOutput, where: Position): FoundOutput | undefined {
  let schema = found.schema;
  const walked = [found.output];
  for (const field of found.path) {
    if (!schema) break;
    const isData = portInfo(schema).type === undefined;
    const fields = isData ? fieldsOf(schema, "out") : {};
    if (fields && !Object.hasOwn(fields, field)) {
      scope.diagnostics.error(where, {
        code: "unknown-field",
        message: isData
          ? `output "${walked.join(".")}" of ${nameOf(found.from)} has no field "${field}"`
          : `output "${walked.join(".")}" of ${nameOf(found.from)} is ${portWords(schema)}, which has no fields`,
        hint: isData ? suggestOrList(field, Object.keys(fields), "fields") : undefined,
      });
      return undefined;
    }
    schema = fields?.[field];
    walked.push(field);
  }
  return { ...found, schema };
}
