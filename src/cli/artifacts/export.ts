/** `tplgraph artifacts export REF -o FILE` */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { TplError } from "../../engine/errors.ts";
import { bytes } from "../../views/amounts.ts";
import { printable } from "../../views/text-width.ts";
import type { Cli } from "../command.ts";
import { disowningDamage } from "../disown-damage.ts";
import { EXIT } from "../exit-status.ts";
import { failing } from "../failing.ts";
import { holding } from "../holding.ts";
import { tellInterruption } from "../interruption.ts";
import { openWorkspace } from "../workspace.ts";

export interface ExportTarget {
  path: string;
  format: "raw" | "qcow2";
  existing: "keep" | "replace";
}

export async function exportArtifact(
  cli: Cli,
  ref: string,
  { path, format, existing }: ExportTarget,
): Promise<number> {
  const { flags, terminal } = cli;
  if (existing === "keep" && existsSync(path))
    throw new TplError({
      code: "file-exists",
      message: `${path} is there already`,
      hint: "--force replaces it",
    });
  await using workspace = await openWorkspace(flags, { create: "if-shared" });
  const store = await workspace.store();
  const image = await store.resolveRef(ref, { type: "image" });
  if (image.type !== "image")
    throw new Error(`bug: an image was asked for, and ${ref} is of type ${image.type}`);
  const write = await writerOf(format);
  using interruption = tellInterruption(terminal);
  return await failing(
    cli,
    async () => {
      const { signal } = interruption;
      await holding(store, [image], () =>
        disowningDamage(store, () => write(store.blobs, image, path, { signal })),
      );
      const { size, blocks } = await stat(path);
      const storedBytes = blocks * 512;
      if (flags.json)
        terminal.out(JSON.stringify({ schema: "tplgraph.export/1", path, format, image, storedBytes }));
      else terminal.out(`${printable(path)}: ${bytes(size)}, of which ${bytes(storedBytes)} on disk`);
      return EXIT.done;
    },
    interruption,
  );
}

async function writerOf(format: ExportTarget["format"]) {
  if (format === "qcow2") return (await import("../../image/export-qcow2.ts")).exportQcow2;
  return (await import("../../image/export.ts")).exportImage;
}
