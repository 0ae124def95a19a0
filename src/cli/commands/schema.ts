/** `tplgraph schema`: what editors need to complete and check template files. */
import type { Command } from "commander";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";
import { writeFileAtomically } from "../write-file.ts";

export function define(command: Command, act: Action): void {
  command.option("-o, --output <file>", "writes it to a file").action(act(printSchema));
}

async function printSchema({ flags, terminal }: Cli, { output }: { output?: string }): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const { templateSchema } = await import("../template-schema.ts");
  const schema = templateSchema(await (await workspace.types()).plugins());
  const text = JSON.stringify(schema, null, 2);
  if (output === undefined) terminal.out(text);
  else await writeFileAtomically(output, `${text}\n`);
  return EXIT.done;
}
