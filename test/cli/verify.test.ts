import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bench, bench } from "./cli.ts";

//  disk       dice ─▶ vm
const DICE = `
name: dice
steps:
  disk: { uses: lab/disk }
  dice: { uses: lab/dice }
  vm: { uses: lab/vm, with: { after: "\${{ steps.dice.image }}" } }
outputs:
  disk: \${{ steps.disk.image }}
  said: \${{ steps.vm.said }}
`;

let b: Bench;
beforeAll(async () => {
  b = await bench();
  await b.write("dice.yaml", DICE);
});
afterAll(() => b[Symbol.asyncDispose]());

describe("run --verify", () => {
  it("names the step whose bytes differ, the range, and the steps that it leaves out", async () => {
    const { exitCode, stdout, stderr } = await b.run("run", "dice.yaml", "--verify");
    expect(stderr).toContain("verify disk: same bytes");
    expect(stderr).toContain("verify dice: DIFFERS");
    expect(stderr).toMatch(/verify vm: not built again.*not reproducible/);
    expect(stdout).toMatch(
      /dice \(lab\/dice\): image differs from byte 10000\d to 10000\d: the image holds no ext4/,
    );
    expect(stdout).toContain("verified: 1 the same, 1 different, 1 not reproducible, not built again");
    expect(exitCode).toBe(1);
  });

  it("leaves the records as they were, and verifies the steps that are named alone", async () => {
    const { exitCode, stdout } = await b.run("run", "dice.yaml", "--json", "--verify", "disk");
    expect(exitCode).toBe(0);
    const [run, verification] = stdout.trim().split(/\n(?=\{"schema":"tplgraph.verification)/);
    expect(JSON.parse(run!)).toMatchObject({ counts: { hit: 3, built: 0 } });
    expect(JSON.parse(verification!)).toMatchObject({
      schema: "tplgraph.verification/1",
      nodes: [{ node: "disk", status: "same" }],
    });
  });

  it.each([
    ["all steps", ["--verify", "dice.yaml"], ["disk", "dice", "vm"]],
    ["one step", ["--verify", "dice.yaml", "disk"], ["disk"]],
    ["two steps, the template last", ["--verify", "disk", "vm", "dice.yaml"], ["disk", "vm"]],
  ])("knows the template among what follows it: %s", async (_, words, nodes) => {
    const { stdout } = await b.run("run", "--json", ...words);
    const [, verification] = stdout.trim().split(/\n(?=\{"schema":"tplgraph.verification)/);
    expect(JSON.parse(verification!).nodes.map(({ node }: { node: string }) => node)).toEqual(nodes);
  });

  it("asks for a template where there is none", async () => {
    const { exitCode, stderr } = await b.run("run", "--verify", "disk");
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("missing required argument 'template'")]);
  });

  it("knows a step that is not there before anything is built", async () => {
    const { exitCode, stderr } = await b.run("run", "dice.yaml", "--verify", "dyce");
    expect(exitCode).toBe(2);
    expect(stderr).toContain('no step "dyce"');
    expect(stderr).toContain('"dice"');
  });

  it("is told of by the plan", async () => {
    expect((await b.run("plan", "dice.yaml")).stdout).toContain("not reproducible to the byte: vm");
    const { nodes } = JSON.parse((await b.run("plan", "dice.yaml", "--format", "json")).stdout);
    expect(nodes.map((node: { reproducible?: boolean }) => node.reproducible)).toEqual([
      undefined,
      undefined,
      false,
    ]);
  });
});
