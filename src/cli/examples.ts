/** What `--help` of a command shows beneath its options: by the command's words, without `tplgraph`. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  "": [
    "tplgraph run templates/python.yaml",
    "tplgraph plan templates/python.yaml -p diskMiB=4096",
    "tplgraph resume python:latest --exec 'uname -a'",
  ],
  run: [
    "tplgraph run templates/python.yaml",
    "tplgraph run templates/python.yaml -p diskMiB=4096 --tag python:4g",
    "tplgraph run templates/python.yaml --force provisioned --on-error shell",
    "tplgraph run templates/python.yaml --progress json --result result.json",
  ],
  plan: [
    "tplgraph plan templates/python.yaml",
    "tplgraph plan templates/python.yaml --exit-code",
    "tplgraph plan templates/python.yaml --format json",
  ],
  explain: [
    "tplgraph explain templates/python.yaml provisioned",
    "tplgraph explain templates/python.yaml disk -p diskMiB=4096",
  ],
  graph: [
    "tplgraph graph templates/python.yaml",
    "tplgraph graph templates/python.yaml --format html -o graph.html",
  ],
  validate: ["tplgraph validate templates/*.yaml"],
  lock: ["tplgraph lock templates/python.yaml"],
  "artifacts ls": ["tplgraph artifacts ls", "tplgraph artifacts ls --all --json"],
  "artifacts inspect": ["tplgraph artifacts inspect python:latest"],
  "artifacts export": [
    "tplgraph artifacts export python:latest -o python.ext4",
    "tplgraph artifacts export python:latest#rootfs -o python.ext4 --force",
  ],
  "artifacts import": ["tplgraph artifacts import base.ext4 --tag base"],
  "artifacts diff": [
    "tplgraph artifacts diff base:latest python:latest",
    "tplgraph artifacts diff base python --json",
  ],
  "artifacts tag": ["tplgraph artifacts tag python:latest python:stable"],
  "artifacts verify": ["tplgraph artifacts verify"],
  resume: ["tplgraph resume python:latest", "tplgraph resume python:latest --exec 'python3 --version'"],
  serve: ["tplgraph serve python:latest --socket /run/python.sock"],
  mount: ["tplgraph mount python:latest /mnt"],
  "runs ls": ["tplgraph runs ls"],
  "runs show": ["tplgraph runs show", "tplgraph runs show r0abc --json"],
  "runs logs": ["tplgraph runs logs", "tplgraph runs logs r0abc provisioned"],
  cleanup: ["tplgraph cleanup"],
  gc: ["tplgraph gc --dry-run", "tplgraph gc --keep-days 7 --keep-storage 20GiB"],
  "store push": ["tplgraph store push python:latest"],
  "store pull": ["tplgraph store pull python:latest"],
  "store status": ["tplgraph store status"],
  ui: ["tplgraph ui"],
  "plugins ls": ["tplgraph plugins ls"],
  "plugins show": ["tplgraph plugins show ext4"],
  schema: ["tplgraph schema -o template.schema.json"],
  doctor: ["tplgraph doctor", "tplgraph doctor --json"],
  complete: [
    "source <(tplgraph complete bash)   # in ~/.bashrc, after bash-completion",
    "source <(tplgraph complete zsh)    # in ~/.zshrc, after compinit",
    "tplgraph complete fish > ~/.config/fish/completions/tplgraph.fish",
  ],
};

/** For commander's `addHelpText`; undefined where there are none. */
export function exampleText(words: string): string | undefined {
  const examples = EXAMPLES[words];
  return examples && `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`;
}
