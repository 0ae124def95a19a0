/** execa, loaded when a first tool runs; a bundle of its own when built, since it has some hundred modules. */
export { execa } from "execa";
