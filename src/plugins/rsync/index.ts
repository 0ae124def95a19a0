/** The plugin `rsync`: trees copied into images. */
import { definePlugin } from "../../engine/plugin/plugin.ts";
import { copy } from "./copy.ts";

export { copy };

export default definePlugin({
  name: "rsync",
  summary: "Trees copied into images, nothing lost",
  steps: [copy],
});
