/** `tplgraph ui`: runs as they go, past runs and the store, in a browser on this machine, until Ctrl-C. */
import { once } from "node:events";
import type { Command } from "commander";
import { TplError } from "../../engine/errors.ts";
import type { Action, Cli } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { listenForInterruption } from "../interruption.ts";
import { openWorkspace } from "../workspace.ts";

interface UiFlags {
  open?: boolean;
}

export function define(command: Command, act: Action): void {
  command.option("--open", "opens it in the browser").action(act(ui));
}

/** To be told to end is how it ends. */
async function ui(cli: Cli, flags: UiFlags): Promise<number> {
  const { terminal } = cli;
  await using workspace = await openWorkspace(cli.flags, { mode: "read", create: "never" });
  await workspace.store();
  const { pageAssets } = await import("../page-assets.ts");
  await pageAssets("overview"); // told now, and not to a browser
  using interruption = listenForInterruption({
    onFirst: () => undefined,
    onAgain: () => terminal.err("still ending"),
  });
  const { signal } = interruption;
  const { serveUi } = await import("../../ui/server.ts");
  const { uiSources } = await import("../ui-sources.ts");
  await using server = await serveUi(uiSources(workspace, cli), { signal });
  terminal.out(cli.flags.json ? JSON.stringify({ schema: "tplgraph.ui/1", url: server.url }) : server.url);
  if (!cli.flags.json) terminal.err("whoever has this address may look; Ctrl-C ends it");
  if (flags.open) await openBrowser(server.url);
  if (!signal.aborted) await once(signal, "abort");
  return EXIT.done;
}

async function openBrowser(url: string): Promise<void> {
  const { execa } = await import("execa");
  const { failed } = await execa("xdg-open", [url], { reject: false, stdio: "ignore", timeout: 10_000 });
  if (failed)
    throw new TplError({
      code: "no-browser",
      message: "xdg-open could not open a browser",
      hint: "leave --open out, and open the address by hand",
    });
}
