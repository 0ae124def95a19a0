/** The plugin `snapshot`: running machines, paused and kept. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { create } from "./create.ts";

export default definePlugin({
  name: "snapshot",
  summary: "machines that are booted once and resumed many times",
  steps: [create],
});
