import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../../src/engine/template/diagnostic.ts";
import { parseTemplate } from "../../../src/engine/template/parse.ts";
import { MAX_TEMPLATE_BYTES, readTemplate } from "../../../src/engine/template/read.ts";
import { marked } from "../marked.ts";

const STEPS = "steps:\n  a: { uses: x/y }\n";
const inShort = ({ code, where }: Diagnostic) => `${where.file}:${where.line}:${where.column} ${code}`;

/** Each with its one diagnostic at the ▲. */
const CASES: [code: string, template: string, says: RegExp][] = [
  ["empty-template", "▲", /is empty/],
  ["empty-template", "▲# only a comment\n", /is empty/],
  ["empty-template", "▲name: x\n", /no steps/],
  ["empty-template", "name: x\n▲steps:\n", /no steps/],
  ["yaml-syntax", "steps:\n  a: {uses: x/y\n▲name: b\n", /./],
  ["yaml-syntax", "steps: { a: { uses: x/y, with: { i: $▲{{ steps.b.c }} } } }\n", /in quotes/],
  ["yaml-syntax", `${STEPS}x-a: ▲*nowhere\n`, /no &nowhere/],
  ["yaml-syntax", `x-a: &loop [▲*loop]\n${STEPS}`, /inside what it stands for/],
  ["duplicate-key", "steps:\n  a: { uses: x/y }\n  ▲a: { uses: x/z }\n", /twice, first on line 2/],
  ["duplicate-key", "steps:\n  a: { uses: x/y, with: { i: 1, ▲i: 2 } }\n", /"i" stands here twice/],
  ["unknown-key", `▲step:\n  b: 1\n${STEPS}`, /did you mean "steps"/],
  ["unknown-key", "steps:\n  a: { ▲use: x/y, uses: x/y }\n", /did you mean "uses"/],
  ["unknown-key", "steps:\n  a: { uses: x/y, ▲color: red }\n", /uses, with, needs, timeout/],
  ["missing-key", "steps:\n  ▲a: { with: {} }\n", /does not say what it uses/],
  ["wrong-type", "▲- a\n- b\n", /a template must be a map .* not a list/],
  ["wrong-type", "steps: ▲[a]\n", /steps must be a map .* not a list/],
  ["wrong-type", "steps:\n  a: ▲x/y\n", /step "a" must be a map .* not a string/],
  ["wrong-type", "steps:\n  a: { uses: ▲5 }\n", /uses must be a string, not a number/],
  ["wrong-type", "steps:\n  a: { uses: x/y, with: ▲[1] }\n", /with must be a map/],
  ["wrong-type", "steps:\n  a: { uses: x/y, needs: ▲b }\n", /needs must be a list of steps/],
  ["wrong-type", "steps:\n  a: { uses: x/y, needs: [▲1] }\n", /needs must be a string/],
  ["wrong-type", `name: ▲true\n${STEPS}`, /name must be a string, not true.*"true"/],
  ["wrong-type", `x-y: { ▲[a]: 1 }\n${STEPS}`, /a key must be a word/],
  ["wrong-type", `x-y: { <<: ▲1 }\n${STEPS}`, /only maps can be merged/],
  ["wrong-value", `params: { big: ▲12345678901234567890 }\n${STEPS}`, /kept exactly/],
  ["wrong-value", `params: { big: ▲.nan }\n${STEPS}`, /no number/],
  ["bad-name", "steps:\n  ▲a.b: { uses: x/y }\n", /cannot be a step's name/],
  ["bad-name", "steps:\n  ▲__proto__: { uses: x/y }\n", /cannot be a step's name/],
  ["bad-name", `name: ▲a/b\n${STEPS}`, /cannot be a template's name/],
  ["bad-name", `params: { ▲"a b": 1 }\n${STEPS}`, /cannot be a parameter's name/],
  ["bad-name", `${STEPS}outputs: { ▲1x: 1 }\n`, /cannot be an output's name/],
  [
    "missing-default",
    `params:\n  ▲size:\n${STEPS}`,
    /"size" has neither a default nor a type.*\{ type: string \}/,
  ],
  ["missing-key", `params:\n  ▲size: { default: 1 }\n${STEPS}`, /does not say its type/],
  [
    "wrong-value",
    `params: { a: { type: ▲strnig } }\n${STEPS}`,
    /"strnig" for its type.*did you mean "string"/,
  ],
  ["wrong-value", `params: { a: { type: integer, default: ▲1.5 } }\n${STEPS}`, /must be a whole number/],
  ["wrong-value", `params: { a: { type: integer, min: 4, default: ▲1 } }\n${STEPS}`, /at least 4, not 1/],
  ["wrong-value", `params: { a: { type: integer, min: 4, max: ▲1 } }\n${STEPS}`, /max below its min/],
  [
    "wrong-value",
    `params: { a: { type: string, enum: [x, y], default: ▲z } }\n${STEPS}`,
    /"x" or "y", not "z"/,
  ],
  ["wrong-type", `params: { a: { type: string, enum: [▲5] } }\n${STEPS}`, /value in its enum/],
  ["wrong-type", `params: { a: { type: string, enum: ▲x } }\n${STEPS}`, /enum that is no list/],
  ["wrong-type", `params: { a: { type: string, min: ▲1 } }\n${STEPS}`, /for numbers alone/],
  ["unknown-key", `params: { a: { type: string, ▲defualt: x } }\n${STEPS}`, /did you mean "default"/],
  ["unknown-param", `params: { size: 1 }\nmatrix: { ▲sise: [1] }\n${STEPS}`, /did you mean "size"/],
  ["wrong-type", `params: { size: 1 }\nmatrix: { size: ▲2 }\n${STEPS}`, /a list of values/],
  ["wrong-value", `params: { size: 1 }\nmatrix: { size: [1, ▲x] }\n${STEPS}`, /must be a number/],
  ["matrix-clash", `params: { v: a }\nmatrix: { v: ["a b", ▲"a/b"] }\n${STEPS}`, /both be called v=a_b/],
  ["bad-duration", "steps:\n  a: { uses: x/y, timeout: ▲10 }\n", /not a number.*1h30m/],
  ["bad-duration", "steps:\n  a: { uses: x/y, timeout: ▲soon }\n", /not "soon"/],
  ["bad-reference", `params: { a: ▲"\${{ params.b }}" }\n${STEPS}`, /said of parameter "a"/],
  [
    "bad-reference",
    "steps:\n  a: { uses: x/y, with: { i: '▲${{ parms.b }}' } }\n",
    /did you mean "params\.b"/,
  ],
  ["bad-reference", "steps:\n  a: { uses: x/y, with: { i: 'and ▲${{ env.b }}' } }\n", /is not a reference/],
  ["bad-reference", "steps:\n  a: { uses: x/y, with: { i: '▲${{ steps.b }}' } }\n", /none of its outputs/],
  ["bad-reference", "steps:\n  a: { uses: x/y, with: { i: '▲${{ params.a.b }}' } }\n", /one parameter/],
  ["bad-reference", "steps:\n  a: { uses: x/y, with: { i: '▲${{ steps.b..c }}' } }\n", /lacks a name/],
  ["bad-reference", "steps:\n  a: { uses: x/y, with: { i: '▲${{ }}' } }\n", /empty reference/],
  [
    "bad-reference",
    "steps:\n  a:\n    uses: x/y\n    with:\n      i: |\n        one\n        two ▲${{ params.a\n",
    /not closed/,
  ],
];

describe("parseTemplate", () => {
  it.each(CASES)("%s: %s", async (code, template, says) => {
    const { text, line, column } = marked(template);
    const { diagnostics } = await parseTemplate(text, "t.yaml");
    expect(diagnostics.map(inShort)).toEqual([`t.yaml:${line}:${column} ${code}`]);
    expect(`${diagnostics[0]!.message} ${diagnostics[0]!.hint}`).toMatch(says);
  });

  it("reads steps in their order, with the place of everything", async () => {
    const { template, diagnostics } = await parseTemplate(
      "steps:\n  b: { uses: x/y, needs: [a], timeout: 1h30m }\n  a:\n    uses: x/z\n    with:\n      text: >-\n        size\n        ${{ params.n }} MiB\n",
      "dir/my template.yaml",
    );
    expect(diagnostics).toEqual([]);
    expect(template!.name).toBe("my-template");
    expect(template!.steps.map((step) => step.name)).toEqual(["b", "a"]);
    expect(template!.steps[0]).toMatchObject({
      timeoutMs: 5_400_000,
      where: { line: 2, column: 3, length: 1 },
      needs: [{ value: "a", where: { line: 2, column: 27 } }],
    });
    expect(template!.steps[1]!.with[0]!.value).toMatchObject({
      kind: "text",
      parts: [
        "size ",
        { value: { to: "param", param: "n" }, where: { line: 8, column: 9, length: 15 } },
        " MiB",
      ],
    });
  });

  it("survives values that are nested or unfold without measure", async () => {
    const deep = await parseTemplate(`x: ${"[".repeat(500_000)}`, "t.yaml");
    expect(deep.diagnostics.length).toBeGreaterThan(0);
    const levels = Array.from({ length: 40 }, (_, i) => `x-${i + 1}: &l${i + 1} [*l${i}, *l${i}]\n`).join("");
    const laughs = await parseTemplate(`x-0: &l0 [1]\n${levels}${STEPS}`, "t.yaml");
    expect(laughs.diagnostics.map(({ code }) => code)).toContain("too-large");
  }, 120_000);
});

describe("readTemplate", () => {
  const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
  const giving = (bytes: Uint8Array) => () => Promise.resolve(bytes);

  it.each([
    ["template-is-a-directory", failing("EISDIR")],
    ["template-not-found", failing("ENOENT")],
    ["template-unreadable", failing("EACCES")],
    ["template-not-utf8", giving(Uint8Array.of(0xff, 0xfe, 0x00))],
    ["template-too-large", giving(new Uint8Array(MAX_TEMPLATE_BYTES + 1))],
  ])("%s", async (code, readFile) => {
    expect(await readTemplate("t.yaml", readFile)).toMatchObject({ fault: { code } });
  });
});
