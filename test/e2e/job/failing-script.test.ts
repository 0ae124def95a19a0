import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cli, root, store, temporaryFolder } from "../cli.ts";
import { leftovers } from "../leftovers.ts";

it("a provisioning script that exits 7 fails the build with its status, its last lines and its log's place", async () => {
  await using folder = await temporaryFolder();
  writeFileSync(
    join(folder.path, "fails.sh"),
    "echo about to fail\necho 'tplgraph-status: 0'\necho 0 > /dev/console\nexit 7\n",
  );
  const template = join(folder.path, "fails.yaml");
  writeFileSync(
    template,
    `name: fails
steps:
  provisioned:
    uses: provision/run
    with:
      image: { template: ${join(root, "templates/base.yaml")}, output: rootfs }
      script: ./fails.sh
      network: none
outputs:
  rootfs: \${{ steps.provisioned.image }}
`,
  );
  const result = await cli(["run", template, "--progress", "plain"]);
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain("exited 7");
  expect(result.stderr).toContain("about to fail");
  const log = /(\S+provisioned\.log)/.exec(result.stderr)?.[1];
  expect(log && existsSync(log)).toBe(true);
  expect(readFileSync(log!, "utf8")).toContain("about to fail");
  expect(leftovers(store)).toEqual([]);
}, 600_000);
