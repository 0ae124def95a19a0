/** The command line of mmdebstrap: a root file system in a folder, from packages alone. */
import { type AptSource, sourceLine } from "./apt-sources.ts";

export interface DebianOptions {
  suite: string;
  variant: string;
  packages: readonly string[];
  components: readonly string[];
  /** Default: the machine's own. */
  architecture?: string | undefined;
  docs: "keep" | "drop";
}

/** dpkg's option to leave out fsync (dpkg(1), unsafe-io): a third of the time. */
export const UNSAFE_IO = "force-unsafe-io";

/** What nobody reads on a machine made from a template. Licences stay: Debian wants them beside the files. */
const DROPPED_DOCS = [
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/locale/*",
  "path-include=/usr/share/locale/locale.alias",
];

/** `aptConf` and `folder` are absolute paths. Root's mode unshares mounts: none is left when it is killed. */
export function mmdebstrapArguments(
  options: DebianOptions,
  sources: readonly AptSource[],
  aptConf: string,
  folder: string,
): string[] {
  const { suite, variant, packages, components, architecture, docs } = options;
  return [
    "--mode=root",
    "--format=directory",
    `--variant=${variant}`,
    ...(architecture === undefined ? [] : [`--architectures=${architecture}`]),
    ...(packages.length === 0 ? [] : [`--include=${packages.join(",")}`]),
    `--aptopt=${aptConf}`,
    // Nothing is worth an fsync before the image is sealed; `tidy` takes it out of the image's configuration.
    `--dpkgopt=${UNSAFE_IO}`,
    ...(docs === "keep" ? [] : DROPPED_DOCS.map((option) => `--dpkgopt=${option}`)),
    "--",
    suite,
    folder,
    ...sources.map((source) => sourceLine(source, components)),
  ];
}
