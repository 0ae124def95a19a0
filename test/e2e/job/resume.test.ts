import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { build, cli, root, store, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

it("a resumed machine goes on where it was: a counter continues, the boot is the same one", async () => {
  await using folder = await temporaryFolder();
  const template = join(folder.path, "counter.yaml");
  writeFileSync(
    template,
    `name: counter
steps:
  machine:
    uses: snapshot/create
    with:
      image: { template: ${join(root, "templates/python.yaml")}, output: rootfs }
      memoryMiB: 512
      start: "cat /proc/sys/kernel/random/boot_id > /run/boot; n=0; while :; do n=$((n+1)); echo $n > /run/counter; sleep 0.1; done"
      ready: { command: "test -s /run/counter && test $(cat /run/counter) -gt 20" }
outputs:
  snapshot: \${{ steps.machine.snapshot }}
`,
  );
  await build([template, "--tag", "counter:test"]);
  // Linux makes the boot's id when it is first read: `start` did, before the machine was paused.
  const read = "cat /run/counter /proc/sys/kernel/random/boot_id";
  const [first, second] = [
    await cli(["resume", "counter:test", "--exec", read]),
    await cli(["resume", "counter:test", "--exec", `sleep 2; ${read}`]),
  ];
  expect(first.exitCode, first.stderr).toBe(0);
  const [counter, boot] = first.stdout.trim().split("\n");
  const [later, sameBoot] = second.stdout.trim().split("\n");
  expect(Number(counter)).toBeGreaterThan(20);
  expect(Number(counter)).toBeLessThan(2000);
  expect(Number(later)).toBeGreaterThan(20);
  expect(sameBoot).toBe(boot);
  expect((await cli(["resume", "counter:test", "--exec", "exit 5"])).exitCode).toBe(5);
  expect(leftovers(store)).toEqual([]);

  // From a store that has nothing: what the machine reads of its memory and its disk comes from the remote.
  const config = join(folder.path, "shared.json");
  writeFileSync(config, JSON.stringify({ remote: { url: join(folder.path, "remote") } }));
  mkdirSync(join(folder.path, "remote"));
  expect(await cli(["store", "push", "counter:test", "--config", config])).toMatchObject({ exitCode: 0 });
  const empty = join(folder.path, "empty");
  const args = ["resume", "counter:test", "--exec", read, "--config", config, "--store", empty];
  const far = await cli(args);
  expect(far.exitCode, far.stderr).toBe(0);
  expect(far.stdout.trim().split("\n")[1]).toBe(boot);
  expect(leftovers(empty)).toEqual([]);
}, 900_000);
