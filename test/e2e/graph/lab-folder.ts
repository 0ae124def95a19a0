/** A folder with templates of the plugin `lab` and a store of its own, for the built command. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliOptions, type CliResult, cli, root, start, temporaryFolder } from "../cli.ts";

export interface LabFolder extends AsyncDisposable {
  path: string;
  write(name: string, text: string): Promise<void>;
  run(...args: string[]): Promise<CliResult>;
  start(...args: string[]): ReturnType<typeof start>;
  latestRun(): Promise<string>;
}

export async function labFolder(): Promise<LabFolder> {
  const folder = await temporaryFolder();
  const { path } = folder;
  const write = (name: string, text: string) => writeFile(join(path, name), text);
  await write("tplgraph.config.json", JSON.stringify({ plugins: [join(root, "test/cli/lab")] }));
  const options: CliOptions = { cwd: path, env: { TPLGRAPH_STORE: join(path, "store") } };
  const run = (...args: string[]) => cli(args, options);
  return {
    path,
    write,
    run,
    start: (...args) => start(args, options),
    latestRun: async () => JSON.parse((await run("runs", "ls", "--json")).stdout).runs[0].run,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
