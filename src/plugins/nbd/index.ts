/** The plugin `nbd`: images attached as network block devices for as long as a step needs them. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { attachSource } from "./attach-source.ts";
import { importFile } from "./import.ts";

export type { FileSystemFacts } from "./file-system-facts.ts";
export { foreignIn } from "./foreign-superblock.ts";
export { attachSource };

export default definePlugin({
  name: "nbd",
  summary: "Images attached as network block devices, and taken in for it",
  steps: [attachSource, importFile],
});
