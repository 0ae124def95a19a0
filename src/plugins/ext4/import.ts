/**
 * `ext4/import`: an image from a raw file of the host. What an input `{ file: PATH }` becomes. That the file holds
 * an ext4 file system is found out from its first bytes while planning; that it is a healthy one is checked where
 * it is mounted, on a view, since the stored image stays as the file is.
 */
import { importStep } from "./import-step.ts";
import { rawFileFault } from "./raw-file-fault.ts";

export const importFile = importStep({
  summary: "Take in a raw file that holds an ext4 file system",
  faultOf: rawFileFault,
});
