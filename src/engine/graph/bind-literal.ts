/** A value written in the template: parameters filled in, held against the port's schema. */
import type { Json } from "../artifact.ts";
import type { Position } from "../errors.ts";
import { asJson, innerPositions } from "../template/json-value.ts";
import { type ParamReference, referenceText } from "../template/reference.ts";
import { suggestOrList } from "../template/suggest.ts";
import type { Value } from "../template/template.ts";
import type { InputPlace } from "./bind-reference.ts";
import type { InputBinding } from "./graph.ts";
import { reportIssues } from "./input-issues.ts";
import { nameOf, type TemplateScope } from "./scope.ts";

export function bindLiteral(place: InputPlace, value: Value): InputBinding | undefined {
  const json = fillIn(place, value);
  if (json === undefined) return undefined;
  const result = place.port.safeParse(json);
  if (!result.success) {
    reportIssues(place, value, json, result.error.issues);
    return undefined;
  }
  const positions = value.kind === "map" || value.kind === "list" ? innerPositions(value) : undefined;
  return {
    from: "literal",
    value: result.data as Json,
    where: value.where,
    ...(positions ? { positions } : {}),
  };
}

/** The value as JSON; undefined where it refers to what is not there, or to what cannot stand in it. */
export function fillIn({ scope, step, input }: Omit<InputPlace, "port">, value: Value): Json | undefined {
  let ok = true;
  const json = asJson(value, (reference, where, { inText }) => {
    const param = reference.to === "param" ? paramValue(scope, reference, where) : undefined;
    if (param !== undefined) return param;
    ok = false;
    if (reference.to === "step")
      scope.diagnostics.error(where, {
        code: inText ? "reference-in-text" : "nested-step-reference",
        message: `${referenceText(reference)} cannot stand ${inText ? "in a longer string" : "inside a list or a map"}: what a step makes is there only when it has run`,
        hint: `make it the whole value of an input of ${nameOf(step)}: "${input}" takes one reference or plain data`,
      });
    return null;
  });
  return ok ? json : undefined;
}

function paramValue(scope: TemplateScope, { param }: ParamReference, where: Position): Json | undefined {
  const value = scope.params.get(param);
  if (value === undefined)
    scope.diagnostics.error(where, {
      code: "unknown-param",
      message: `the template has no parameter "${param}"`,
      hint: suggestOrList(param, scope.params.keys(), "parameters"),
    });
  return value;
}
