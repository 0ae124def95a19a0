/**
 * `${{ … }}`, the only expression of a template:
 *
 *     params.NAME                    a parameter's value
 *     steps.STEP.OUTPUT(.FIELD)*     a step's output, or a field inside a plain-data one
 */
import { suggest } from "./suggest.ts";

export type Reference = ParamReference | StepReference;

export interface ParamReference {
  to: "param";
  param: string;
}

export interface StepReference {
  to: "step";
  step: string;
  output: string;
  /** Fields inside the output, outermost first. */
  path: string[];
}

/** What a parameter, an output or a field may be called. */
export const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** What a step may be called: no dot and no slash, which ids of nodes use. */
export const STEP_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

export interface ReferenceFault {
  /** Which `${{` of the text it is, counted from 0. */
  nth: number;
  message: string;
  hint: string;
}

export interface ParsedText {
  /** Literal text and references by turns; a whole-value reference is the one part. */
  parts: (string | Reference)[];
  faults: ReferenceFault[];
}

const FORMS = "a reference is ${{ params.NAME }} or ${{ steps.STEP.OUTPUT }}";

/** Takes a string apart. Blanks around a whole-value reference do not make it a text. */
export function parseText(text: string): ParsedText {
  const parts: ParsedText["parts"] = [];
  const faults: ReferenceFault[] = [];
  let at = 0;
  for (let nth = 0; ; nth++) {
    const open = text.indexOf("${{", at);
    if (open < 0) break;
    if (open > at) parts.push(text.slice(at, open));
    const close = text.indexOf("}}", open);
    if (close < 0) {
      faults.push({ nth, message: "${{ is not closed by }}", hint: FORMS });
      return { parts, faults };
    }
    const parsed = parseReference(text.slice(open + 3, close).trim());
    if ("message" in parsed) faults.push({ nth, ...parsed });
    else parts.push(parsed);
    at = close + 2;
  }
  if (at < text.length) parts.push(text.slice(at));
  const meaningful = parts.filter((part) => typeof part !== "string" || part.trim() !== "");
  return meaningful.length === 1 && typeof meaningful[0] !== "string"
    ? { parts: meaningful, faults }
    : { parts, faults };
}

function parseReference(expression: string): Reference | Omit<ReferenceFault, "nth"> {
  const [root = "", ...names] = expression.split(".").map((name) => name.trim());
  const fault = (message: string, hint = FORMS) => ({ message, hint });
  if (expression === "") return fault("an empty reference");
  if (root !== "params" && root !== "steps") {
    const near = suggest(root, ["params", "steps"]);
    return fault(
      `"${expression}" is not a reference`,
      near ? `did you mean "${[near, ...names].join(".")}"?` : FORMS,
    );
  }
  const bad = names.find((name) => !NAME.test(name));
  if (bad !== undefined)
    return fault(
      bad === "" ? `"${expression}" lacks a name` : `"${bad}" in "${expression}" is not a name`,
      FORMS,
    );
  if (root === "params") {
    if (names.length === 1) return { to: "param", param: names[0]! };
    return fault(`"${expression}" does not name one parameter`);
  }
  const [step, output, ...path] = names;
  if (step !== undefined && output !== undefined) return { to: "step", step, output, path };
  return fault(
    step === undefined
      ? `"${expression}" names no step`
      : `"${expression}" names a step, but none of its outputs`,
  );
}

/** As it would be written. */
export function referenceText(reference: Reference): string {
  const names =
    reference.to === "param"
      ? ["params", reference.param]
      : ["steps", reference.step, reference.output, ...reference.path];
  return `\${{ ${names.join(".")} }}`;
}
