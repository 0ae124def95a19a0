/** `tplgraph doctor`: what this machine can do, and the command that installs what is missing. */
import type { Command } from "commander";
import type { Colour, Paint } from "../../views/paint.ts";
import type { Action, Cli } from "../command.ts";
import type { Finding } from "../doctor.ts";
import { EXIT } from "../exit-status.ts";
import { openWorkspace } from "../workspace.ts";

export function define(command: Command, act: Action): void {
  command.action(act(doctor));
}

async function doctor({ flags, terminal }: Cli): Promise<number> {
  await using workspace = await openWorkspace(flags, { mode: "read" });
  const { examine } = await import("../doctor.ts");
  const findings = await examine(workspace.location);
  const { shared } = workspace.config;
  if (shared) {
    const { remoteFinding } = await import("../doctor-remote.ts");
    findings.push(await remoteFinding(shared, workspace.location));
  }
  const ok = findings.every(({ state }) => state !== "missing");
  if (flags.json) terminal.out(JSON.stringify({ schema: "tplgraph.doctor/1", ok, findings }, null, 2));
  else terminal.out(findings.flatMap((finding) => linesOf(finding, terminal.outPaint)).join("\n"));
  return ok ? EXIT.done : EXIT.failed;
}

const MARKS: Record<Finding["state"], [mark: string, colour: Colour]> = {
  ok: ["ok", "green"],
  limited: ["limited", "yellow"],
  missing: ["missing", "red"],
};

function linesOf({ title, state, details, hint }: Finding, paint: Paint): string[] {
  const [mark, colour] = MARKS[state];
  const line = `${paint(colour, mark.padEnd(7))}  ${title}: ${details}`;
  return hint === undefined ? [line] : [line, `         ${paint("cyan", "→")} ${hint}`];
}
