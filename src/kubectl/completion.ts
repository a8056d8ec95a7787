import type { Command } from 'commander';
import { Argument } from 'commander';
import type { PluginIo } from './plugin-io.ts';

const SHELLS = ['bash', 'zsh', 'fish', 'kubectl'] as const;
type Shell = (typeof SHELLS)[number];

/** What `completion SHELL` prints. */
export const COMPLETIONS: { readonly [shell in Shell]: string } = {
  // The convention of kubectl: a program of this name in PATH completes `kubectl aegis`.
  kubectl: `#!/bin/sh
# kubectl runs this to complete 'kubectl aegis ...' when it is in PATH as kubectl_complete-aegis.
exec kubectl-aegis __complete "$@"
`,
  bash: `# bash completion of kubectl-aegis: source <(kubectl aegis completion bash)
_kubectl_aegis() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in :*) ;; *) COMPREPLY+=("\${line%%$'\\t'*}") ;; esac
  done < <(kubectl-aegis __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o nosort -F _kubectl_aegis kubectl-aegis
`,
  zsh: `#compdef kubectl-aegis
# zsh completion of kubectl-aegis: source <(kubectl aegis completion zsh)
_kubectl_aegis() {
  local line
  local -a found
  while IFS= read -r line; do
    [[ "$line" == :* ]] && continue
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(kubectl-aegis __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe 'kubectl aegis' found
}
compdef _kubectl_aegis kubectl-aegis
`,
  fish: `# fish completion of kubectl-aegis: kubectl aegis completion fish | source
function __kubectl_aegis
  set -l words (commandline -opc)
  kubectl-aegis __complete $words[2..-1] (commandline -ct) 2>/dev/null | string match -v ':*'
end
complete -c kubectl-aegis -f -a '(__kubectl_aegis)'
`,
};

/** `completion`: what a shell has to be told. */
export function registerCompletion(program: Command, io: PluginIo): void {
  program
    .command('completion')
    .description('Print what makes a shell complete commands and the names of requests.')
    .addArgument(new Argument('<shell>', 'for which').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  kubectl aegis completion kubectl > ~/bin/kubectl_complete-aegis && chmod +x ~/bin/kubectl_complete-aegis
                                            completes "kubectl aegis", through kubectl's own completion
  source <(kubectl aegis completion bash)   completes "kubectl-aegis"`,
    )
    .action((shell: Shell) => io.stdout(COMPLETIONS[shell]));
}
