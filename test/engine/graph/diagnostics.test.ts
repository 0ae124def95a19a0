import { describe, expect, it } from "vitest";
import { marked } from "../marked.ts";
import { compileText, inShort } from "./fake-types.ts";

const DISK = "  disk: { uses: fs/make, with: { sizeMiB: 64 } }\n";
const OPEN = `${DISK}  src: { uses: fs/open, with: { from: "\${{ steps.disk.image }}" } }\n`;
const HOLD = "  dev: { uses: dev/hold }\n";
const USE = (name: string, mark = "") =>
  `  ${name}: { uses: dev/use, with: { disk: ${mark}"\${{ steps.dev.disk }}" } }\n`;
const WRITE = (name: string, mark = "") =>
  `  ${name}: { uses: fs/write, with: { tree: ${mark}"\${{ steps.src.tree }}" } }\n`;
const BASE = { "base.yaml": `name: base\nsteps:\n${DISK}outputs: { rootfs: "\${{ steps.disk.image }}" }\n` };

type Case = [code: string, steps: string, says: RegExp, files?: Record<string, string>];

/** Steps (a whole template where it begins with a top-level key), each with its one diagnostic at the ▲. */
const CASES: Case[] = [
  ["unknown-step-type", "  a: { uses: ▲fs/mkae }\n", /did you mean "fs\/make"/],
  ["unknown-step-type", "  a: { uses: ▲fs/paint }\n", /fs has: fs\/make, fs\/check/],
  ["unknown-input", "  a: { uses: fs/make, with: { sizeMiB: 64, ▲labl: x } }\n", /did you mean "label"/],
  [
    "unknown-input",
    "  a: { uses: fs/make, with: { sizeMiB: 64, ▲constructor: x } }\n",
    /no input "constructor"/,
  ],
  // Not a missing sizeMiB as well.
  ["unknown-input", "  a: { uses: fs/make, with: { ▲sizeMib: 64 } }\n", /did you mean "sizeMiB"/],
  ["missing-input", "  ▲a: { uses: fs/make }\n", /needs input "sizeMiB" \(Size in MiB\)/],
  ["missing-input", "  ▲a: { uses: fs/check }\n", /needs input "image" \(an image\)/],
  [
    "wrong-type",
    "  a: { uses: fs/make, with: { sizeMiB: 64, label: ▲7 } }\n",
    /label is 7, a number, where a string/,
  ],
  [
    "wrong-type",
    "  a: { uses: fs/make, with: { sizeMiB: ▲big } }\n",
    /sizeMiB is "big", a string, where a number/,
  ],
  [
    "wrong-type",
    "  a:\n    uses: fs/make\n    with:\n      sizeMiB: 64\n      files:\n        - path: /a\n          mode: ▲rw\n",
    /files\[0\]\.mode is "rw"/,
  ],
  [
    "wrong-type",
    "  a: { uses: fs/make, with: { sizeMiB: 64, when: ▲[1] } }\n",
    /a list, where a string or a map belongs/,
  ],
  ["wrong-type", "  a: { uses: fs/make, with: { sizeMiB: 64, when: { ready: ▲1 } } }\n", /when\.ready is 1/],
  ["wrong-value", "  a: { uses: fs/make, with: { sizeMiB: ▲4 } }\n", /sizeMiB must be at least 8 MiB/],
  [
    "wrong-value",
    "  a: { uses: fs/make, with: { sizeMiB: ▲8.5 } }\n",
    /sizeMiB must be a whole number of MiB/,
  ],
  [
    "wrong-value",
    "  a: { uses: fs/make, with: { sizeMiB: 8, kind: ▲plian } }\n",
    /one of plain, journaled.*\n?.*"plain"/,
  ],
  [
    "missing-input",
    "  a: { uses: fs/make, with: { sizeMiB: 8, files: [▲{ mode: 1 }] } }\n",
    /files\[0\]\.path is missing/,
  ],
  [
    "unknown-key",
    "  a: { uses: fs/make, with: { sizeMiB: 8, files: [{ path: /a, ▲contents: x }] } }\n",
    /did you mean "content"/,
  ],
  [
    "unknown-step",
    `${DISK}  a:\n    uses: fs/check\n    with:\n      image: ▲\${{ steps.dsik.image }}\n`,
    /"disk"/,
  ],
  [
    "unknown-step",
    `${DISK}  a: { uses: fs/make, needs: [▲dsk], with: { sizeMiB: 8 } }\n`,
    /did you mean "disk"/,
  ],
  [
    "unknown-output",
    `${DISK}  a: { uses: fs/check, with: { image: ▲"\${{ steps.disk.tree }}" } }\n`,
    /step "disk" \(fs\/make\) has no output "tree"; it has: image, bytes/,
  ],
  [
    "unknown-field",
    `${OPEN}  a: { uses: fs/make, with: { sizeMiB: ▲"\${{ steps.src.facts.sizeMib }}" } }\n`,
    /did you mean "sizeMiB"/,
  ],
  [
    "unknown-field",
    `${DISK}  a: { uses: fs/check, with: { image: ▲"\${{ steps.disk.image.x }}" } }\n`,
    /no fields/,
  ],
  [
    "wrong-type",
    `${OPEN}  a: { uses: fs/make, with: { sizeMiB: ▲"\${{ steps.src.facts.label }}" } }\n`,
    /takes a number, but output "facts\.label" of step "src" \(fs\/open\) is a string/,
  ],
  [
    "wrong-port",
    `${DISK}  a:\n    uses: fs/copy\n    with:\n      from: ▲\${{ steps.disk.image }}\n      image: \${{ steps.disk.image }}\n`,
    /input "from" of step "a" \(fs\/copy\) takes a tree, but output "image" of step "disk" \(fs\/make\) is an image/,
  ],
  [
    "wrong-port",
    `${OPEN}  a: { uses: fs/check, with: { image: ▲"\${{ steps.src.tree }}" } }\n`,
    /takes an image, .* is a tree/,
  ],
  [
    "wrong-port",
    `${OPEN}  a: { uses: fs/make, with: { sizeMiB: ▲"\${{ steps.src.tree }}" } }\n`,
    /takes plain data/,
  ],
  [
    "wrong-type",
    "  a: { uses: fs/check, with: { image: ▲base:latest } }\n",
    /takes an image.*\n?.*\{ ref: base:latest \}/,
  ],
  [
    "wrong-type",
    `${DISK}  a: { uses: fs/write, with: { tree: ▲/mnt } }\n`,
    /takes a tree, which only a step can give/,
  ],
  ["wrong-value", "  a: { uses: fs/check, with: { image: ▲{ fiel: x } } }\n", /did you mean "file"/],
  ["wrong-value", "  a: { uses: fs/check, with: { image: ▲{} } }\n", /it has one of: template, ref, file/],
  ["unknown-key", "  a: { uses: fs/check, with: { image: { ref: x, ▲tag: y } } }\n", /fields: ref, output/],
  [
    "missing-input",
    "  a: { uses: fs/check, with: { image: ▲{ template: base.yaml } } }\n",
    /image\.output is missing/,
  ],
  ["wrong-type", "  a: { uses: fs/check, with: { image: { ref: ▲5 } } }\n", /image\.ref must be a string/],
  [
    "reference-in-text",
    `${DISK}  a: { uses: fs/make, with: { sizeMiB: 8, label: "x ▲\${{ steps.disk.bytes }}" } }\n`,
    /cannot stand in a longer string/,
  ],
  [
    "nested-step-reference",
    `${DISK}  a: { uses: fs/make, with: { sizeMiB: 8, files: [{ path: ▲"\${{ steps.disk.bytes }}" }] } }\n`,
    /inside a list or a map/,
  ],
  [
    "unknown-param",
    "params: { sizeMiB: 8 }\nsteps:\n  a: { uses: fs/make, with: { sizeMiB: ▲'${{ params.sizeMib }}' } }\n",
    /did you mean "sizeMiB"/,
  ],
  ["exclusive-twice", HOLD + USE("one") + USE("two", "▲"), /"two".*and step "one".*main\.yaml:4:39/s],
  [
    "exclusive-twice",
    `${OPEN + WRITE("one")}  two: { uses: fs/copy, with: { from: ▲"\${{ steps.src.tree }}", image: "\${{ steps.disk.image }}" } }\n`,
    /which step "one" \(fs\/write\) must have to itself/,
  ],
  // The one that wants it to itself comes first in the graph whichever stands first; the later place is told.
  ["exclusive-twice", OPEN + WRITE("one") + WRITE("two", "▲"), /"two".*and step "one"/],
  [
    "unused-step",
    `name: t\nsteps:\n${DISK}  ▲spare: { uses: fs/make, with: { sizeMiB: 8 } }\noutputs: { rootfs: "\${{ steps.disk.image }}" }\n`,
    /never built/,
  ],
  [
    "resource-output",
    `steps:\n${OPEN}outputs: { rootfs: ▲"\${{ steps.src.tree }}" }\n`,
    /is a tree that step "src"/,
  ],
  [
    "resource-output",
    `steps:\n${OPEN}outputs: { rootfs: ▲"\${{ steps.src.facts }}" }\n`,
    /is plain data that step "src"/,
  ],
  ["bad-output", `steps:\n${DISK}outputs: { rootfs: ▲disk }\n`, /must be what a step makes/],
  ["unknown-step", `steps:\n${DISK}outputs: { rootfs: ▲"\${{ steps.dsk.image }}" }\n`, /did you mean "disk"/],
  [
    "unknown-output",
    "  a: { uses: fs/check, with: { image: { template: base.yaml, output: ▲rootf } } }\n",
    /template base\.yaml has no output "rootf"; it has: rootfs/,
    BASE,
  ],
  [
    "template-not-found",
    "  a: { uses: fs/check, with: { image: { template: ▲bse.yaml, output: rootfs } } }\n",
    /bse\.yaml/,
  ],
  [
    "wrong-port",
    "  a: { uses: fs/check, with: { image: { template: size.yaml, output: ▲size } } }\n",
    /takes an image, but output "size" of template size\.yaml is plain data/,
    { "size.yaml": `steps:\n${DISK}outputs: { size: "\${{ steps.disk.bytes }}" }\n` },
  ],
  [
    "unknown-param",
    "  a: { uses: fs/check, with: { image: { template: base.yaml, output: rootfs, params: { ▲x: 1 } } } }\n",
    /template "base" has no parameter "x"/,
    BASE,
  ],
  [
    "template-cycle",
    "  a: { uses: fs/check, with: { image: { template: ▲main.yaml, output: rootfs } } }\n",
    /main\.yaml → main\.yaml/,
  ],
];

describe("what is wrong with a template is told where it stands", () => {
  it.each(CASES)("%s: %s", async (code, steps, says, files) => {
    const template = /^(name|params|steps):/.test(steps) ? steps : `name: t\nsteps:\n${steps}`;
    const { text, line, column } = marked(template);
    const compilation = await compileText(text, files ? { files } : {});
    expect(inShort(compilation)).toEqual([`main.yaml:${line}:${column} ${code}`]);
    const { message, hint } = compilation.diagnostics[0]!;
    expect(`${message}\n${hint}`).toMatch(says);
    expect(compilation.graph === undefined).toBe(code !== "unused-step");
  });

  it("tells several at once, and nothing that follows from another", async () => {
    const compilation = await compileText(
      "steps:\n  a: { uses: no/such }\n  b: { uses: fs/check, with: { image: '${{ steps.a.image }}', imgae: 1 } }\n  c: { uses: fs/make, with: { sizeMiB: x } }\noutputs: { x: '${{ steps.b.image }}' }\n",
    );
    expect(inShort(compilation)).toEqual([
      "main.yaml:2:14 unknown-step-type",
      "main.yaml:3:63 unknown-input",
      "main.yaml:4:40 wrong-type",
    ]);
  });

  it("tells what is wrong in a template that is taken in at its own place, once", async () => {
    const image = (n: number) => `{ image: { template: base.yaml, output: rootfs, params: { n: ${n} } } }`;
    const compilation = await compileText(
      `steps:\n  a: { uses: fs/check, with: ${image(1)} }\n  b: { uses: fs/check, with: ${image(2)} }\n`,
      {
        files: {
          "base.yaml":
            "params: { n: 0 }\nsteps:\n  disk: { uses: fs/make, with: { sizeMiB: 64, label: 7 } }\noutputs: { rootfs: '${{ steps.disk.image }}' }\n",
        },
      },
    );
    expect(new Set(inShort(compilation))).toEqual(new Set(["base.yaml:3:54 wrong-type"]));
  });
});
