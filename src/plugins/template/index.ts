/** The plugin `template`: steps made of the other plugins' steps. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { resize } from "./resize.ts";

export default definePlugin({
  name: "template",
  summary: "Whole images resized, the way chosen by what they are",
  steps: [resize],
});
