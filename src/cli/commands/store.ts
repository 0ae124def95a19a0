/** `tplgraph store`: between this machine's store and the remote. */
import type { Command } from "commander";
import type { Action } from "../command.ts";

const REF = "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT";

export function define(command: Command, act: Action): void {
  command
    .command("push")
    .description(
      "sends artifacts with their names and records; without a REF, what could not be uploaded before",
    )
    .argument("[ref...]", REF)
    .action(
      act(async (cli, _: object, refs: string[]) => (await import("../store/push.ts")).pushRefs(cli, refs)),
    );
  command
    .command("pull")
    .description("fetches artifacts whole, and their names, so that they can be used without the remote")
    .argument("<ref...>", REF)
    .action(
      act(async (cli, _: object, refs: string[]) => (await import("../store/pull.ts")).pullRefs(cli, refs)),
    );
  command
    .command("status")
    .description("whether the remote answers, which names it has, what is still to be uploaded")
    .action(act(async (cli) => (await import("../store/status.ts")).showStatus(cli)));
}
