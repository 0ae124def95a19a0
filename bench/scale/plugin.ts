/** The step that does nothing, for graphs of any size: it hands on a number and waits for what it is given. */
import { definePlugin, defineStep, z } from "../../dist/plugin.js";

export default definePlugin({
  name: "noop",
  summary: "Steps that do nothing",
  steps: [
    defineStep({
      name: "step",
      summary: "Do nothing",
      inputs: {
        number: z.int(),
        a: z.int().optional(),
        b: z.int().optional(),
        c: z.int().optional(),
      },
      outputs: { number: z.int() },
      run: async ({ inputs }) => ({ number: inputs.number }),
    }),
  ],
});
