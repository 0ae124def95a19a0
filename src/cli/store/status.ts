/** `tplgraph store status` */
import type { Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { openWorkspace } from "../workspace.ts";
import { remoteOf } from "./remote-of.ts";

export async function showStatus(cli: Cli): Promise<number> {
  const { flags, terminal } = cli;
  await using workspace = await openWorkspace(flags, { create: "if-shared" });
  const sharing = remoteOf(await workspace.store());
  return await failing(cli, async () => {
    const shared = await sharing.open();
    await shared.check();
    const refs = await shared.refs.names();
    const pending = sharing.pending.list();
    if (flags.json) {
      const status = { schema: "tplgraph.store-status/1", remote: shared.name, refs, pending };
      terminal.out(JSON.stringify(status, null, 2));
    } else {
      const waiting = pending.map(({ run }) => run).join(", ");
      terminal.out(
        [
          `remote: ${shared.name}`,
          `names there: ${refs.join(", ") || "none"}`,
          `still to be uploaded: ${waiting ? `what runs ${waiting} made` : "nothing"}`,
        ].join("\n"),
      );
    }
    return EXIT.done;
  });
}
