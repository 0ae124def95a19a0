/** The plugin `bootstrap`: first templates, made from a distribution's packages. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { debian } from "./debian.ts";

export { acquireOptions } from "./apt-options.ts";
export { type Archive, archiveDate } from "./archive.ts";

export default definePlugin({
  name: "bootstrap",
  summary: "Root file systems from a distribution's packages",
  steps: [debian],
});
