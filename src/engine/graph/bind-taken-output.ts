/** `{ template: FILE, output: NAME }`, once that template is taken in: the output must be there and fit the port. */
import { portInfo } from "../plugin/port.ts";
import { whereAt } from "../template/json-value.ts";
import { suggest } from "../template/suggest.ts";
import type { Template } from "../template/template.ts";
import type { ArtifactSource } from "./artifact-source.ts";
import type { InputPlace } from "./bind-reference.ts";
import type { GraphOutput, InputBinding } from "./graph.ts";
import { portWords } from "./port-words.ts";
import { nameOf } from "./scope.ts";

/** `outputs`: those of `template` that are sound. */
export function bindTakenOutput(
  { scope, step, input, port }: InputPlace,
  { output, value }: ArtifactSource & { from: "template" },
  template: Template,
  outputs: ReadonlyMap<string, GraphOutput>,
): InputBinding | undefined {
  const { diagnostics } = scope;
  const where = whereAt(value, ["output"]);
  const found = outputs.get(output);
  const declared = template.outputs.map(({ name }) => name);
  // One that is declared but wrong was complained about where it stands.
  if (!found && declared.includes(output)) return undefined;
  if (!found) {
    const near = suggest(output, declared);
    diagnostics.error(where, {
      code: "unknown-output",
      message: `template ${template.file} has no output "${output}"; it has: ${declared.join(", ") || "none"}`,
      hint: near && `did you mean "${near}"?`,
    });
    return undefined;
  }
  if (found.type === portInfo(port).type)
    return { from: "node", node: found.node, output: found.output, path: [], where };
  const is = portWords(found.type === "data" ? {} : { type: found.type });
  diagnostics.error(where, {
    code: "wrong-port",
    message: `input "${input}" of ${nameOf(step)} takes ${portWords(port)}, but output "${output}" of template ${template.file} is ${is}`,
  });
  return undefined;
}
