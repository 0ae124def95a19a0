import { expect, it } from "vitest";
import { cli } from "./cli.ts";

it("doctor tells what this machine can do, as text and as tplgraph.doctor/1", async () => {
  const { exitCode, stdout } = await cli(["doctor", "--json"]);
  const { schema, ok, findings } = JSON.parse(stdout);
  expect({ exitCode, schema, ok }).toEqual({ exitCode: 0, schema: "tplgraph.doctor/1", ok: true });
  const ids = findings.map(({ id }: { id: string }) => id);
  expect(ids).toEqual(
    expect.arrayContaining(["packages-run", "attach", "guest-kernel", "accelerator", "store", "store-space"]),
  );
  const { ways } = findings.find(({ id }: { id: string }) => id === "attach");
  expect(ways).toMatchObject({ nbdfuse: { ok: true }, loop: { ok: true }, mount: { ok: true } });
  expect((await cli(["doctor"])).stdout).toMatch(/ok +attaching disks: /);
}, 60_000);
