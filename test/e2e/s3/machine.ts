/** Machines that share a bucket: each is a store and a configuration of its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cli, start } from "../cli.ts";

export interface MachineOptions {
  /** What the configuration says of the remote. */
  remote?: object;
  cache?: object;
}

/** Its store is made by the first command that needs one. Commands run in `folder`. */
export function machineIn(folder: string, name: string, { remote, ...more }: MachineOptions) {
  const store = join(folder, name);
  const config = join(folder, `${name}.json`);
  writeFileSync(config, JSON.stringify({ ...more, remote: { upload: true, timeout: "20s", ...remote } }));
  const args = (command: readonly string[]) => ["--config", config, ...command];
  const options = { cwd: folder, env: { TPLGRAPH_STORE: store } };
  return {
    store,
    config,
    run: (...command: string[]) => cli(args(command), options),
    start: (...command: string[]) => start(args(command), options),
  };
}

export async function until(condition: () => boolean): Promise<void> {
  for (const begun = Date.now(); !condition(); ) {
    if (Date.now() - begun > 30_000) throw new Error("it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
