import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cli, root, temporaryFolder } from "../cli.ts";
import { codeBlocks } from "./code-blocks.ts";

it("the example of docs/writing-a-plugin.md works as it stands there", async () => {
  const [plugin, config, template] = codeBlocks(join(root, "docs/writing-a-plugin.md"));
  await using folder = await temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  mkdirSync(join(folder.path, "plugins/pack"), { recursive: true });
  mkdirSync(join(folder.path, "node_modules"));
  symlinkSync(root, join(folder.path, "node_modules/tplgraph"));
  write("plugins/pack/index.ts", plugin!);
  write("tplgraph.config.json", config!);
  write("packed.yaml", template!);
  write("message", "hello\n");

  const options = { cwd: folder.path, env: { TPLGRAPH_STORE: join(folder.path, "store") } };
  const shown = await cli(["plugins", "show", "pack"], options);
  expect(shown.stdout, shown.stderr).toContain("pack/file");
  const built = await cli(["run", "packed.yaml"], options);
  expect(built.exitCode, built.stderr).toBe(0);
  const exported = await cli(["artifacts", "export", "packed", "-o", "packed.ext4"], options);
  expect(exported.exitCode, exported.stderr).toBe(0);
  const content = execFileSync("debugfs", ["-R", "cat content", join(folder.path, "packed.ext4")], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  expect(content.toString()).toBe("hello\n");

  write("message", "goodbye\n");
  const plan = await cli(["plan", "packed.yaml", "--format", "json"], options);
  expect(JSON.parse(plan.stdout).nodes[0].fate).toBe("miss");
}, 60_000);
