/** The outputs of a template: whole outputs of its steps that outlast the run. */
import { portInfo } from "../plugin/port.ts";
import type { TemplateOutput } from "../template/template.ts";
import { findOutput } from "./find-output.ts";
import type { GraphOutput } from "./graph.ts";
import { portWords } from "./port-words.ts";
import { nameOf, type TemplateScope } from "./scope.ts";

/** Outputs that are wrong are left out, and said to be. */
export function bindOutputs(scope: TemplateScope): Map<string, GraphOutput> {
  const outputs = new Map<string, GraphOutput>();
  for (const output of scope.template.outputs) {
    const bound = bindOutput(scope, output);
    if (bound) outputs.set(output.name, bound);
  }
  return outputs;
}

function bindOutput(scope: TemplateScope, { name, value }: TemplateOutput): GraphOutput | undefined {
  const { where } = value;
  const error = (code: string, message: string, hint?: string) => {
    scope.diagnostics.error(where, { code, message: `output "${name}" ${message}`, hint });
    return undefined;
  };
  if (value.kind !== "reference" || value.reference.to !== "step")
    return error("bad-output", "must be what a step makes", "write ${{ steps.STEP.OUTPUT }}");
  const found = findOutput(scope, value.reference, where);
  if (!found) return undefined;
  const { from, output, path } = found;
  if (path.length > 0)
    return error(
      "bad-output",
      "must be a whole output of a step",
      `write \${{ steps.${from.step.name}.${output} }}`,
    );
  const info = portInfo(from.type!.outputs[output]!);
  if (from.type!.kind === "resource" || info.kind === "resource")
    return error(
      "resource-output",
      `is ${portWords(info)} that ${nameOf(from)} holds only while the build runs`,
      "name the image, snapshot, file or data that a step makes of it",
    );
  return { node: from.id, output, type: info.type ?? "data", where };
}
