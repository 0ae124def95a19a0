/** The plugin `provision`: files laid over a root file system, and scripts run in it. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { overlay } from "./overlay.ts";
import { run } from "./run.ts";

export { type OverlayFile, provisioningFiles } from "./files.ts";

export default definePlugin({
  name: "provision",
  summary: "provisioning files and scripts",
  steps: [overlay, run],
});
