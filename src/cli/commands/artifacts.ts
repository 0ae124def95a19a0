/** `tplgraph artifacts`: what the store holds. */
import { type Command, Option } from "commander";
import type { Action } from "../command.ts";

export function define(command: Command, act: Action): void {
  command
    .command("ls")
    .description("what has a name, and the latest that each step made")
    .option("--all", "everything")
    .action(
      act(async (cli, { all }: { all?: boolean }) =>
        (await import("../artifacts/list.ts")).listArtifacts(cli, all ? "all" : "current"),
      ),
    );
  command
    .command("inspect")
    .description("everything that is known of one")
    .argument("<ref>", REF)
    .action(
      act(async (cli, _: object, ref: string) =>
        (await import("../artifacts/inspect.ts")).inspectArtifact(cli, ref),
      ),
    );
  command
    .command("export")
    .description("writes an image to a file")
    .argument("<ref>", REF)
    .requiredOption("-o, --output <file>", "the file")
    .addOption(
      new Option("--format <format>", "raw is sparse; qcow2 needs qemu-img")
        .choices(["raw", "qcow2"])
        .default("raw"),
    )
    .option("--force", "replaces a file that is there")
    .action(
      act(async (cli, flags: { output: string; format: "raw" | "qcow2"; force?: boolean }, ref: string) =>
        (await import("../artifacts/export.ts")).exportArtifact(cli, ref, {
          path: flags.output,
          format: flags.format,
          existing: flags.force ? "replace" : "keep",
        }),
      ),
    );
  command
    .command("import")
    .description("makes an image of a raw or qcow2 file with an ext4 file system")
    .argument("<file>", "the file")
    .requiredOption("--tag <name>", "its name: NAME or NAME:TAG")
    .action(
      act(async (cli, { tag }: { tag: string }, file: string) =>
        (await import("../artifacts/import.ts")).importArtifact(cli, file, tag),
      ),
    );
  command
    .command("tag")
    .description("gives an artifact another name")
    .argument("<ref>", REF)
    .argument("<name>", "NAME or NAME:TAG")
    .action(
      act(async (cli, _: object, ref: string, name: string) =>
        (await import("../artifacts/tag.ts")).tagArtifact(cli, ref, name),
      ),
    );
  command
    .command("diff")
    .description("which ranges and files differ between two images, or the disks of two snapshots")
    .argument("<a>", REF)
    .argument("<b>", REF)
    .option("--ranges", "the ranges alone, as OFFSET LENGTH in bytes")
    .option("--files", "the files alone")
    .action(
      act(async (cli, flags: { ranges?: boolean; files?: boolean }, a: string, b: string) =>
        (await import("../artifacts/diff.ts")).diffArtifacts(cli, flags, [a, b]),
      ),
    );
  command
    .command("verify")
    .description("reads everything again and compares it with its digests")
    .action(act(async (cli) => (await import("../artifacts/verify.ts")).verifyArtifacts(cli)));
}

const REF = "NAME[:TAG][#OUTPUT], sha256:DIGEST or RUN:OUTPUT";
