import { script } from "@bomb.sh/tab";
import { Argument, Command } from "commander";
import { printedBy } from "./printed-by.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/**
 * What the package's script for bash lacks: it takes the words apart by a function of bash-completion, which many machines have not, and registers itself so
 * that bash completes no file names where it has no answer.
 */
const BASH_REST = `
declare -F _get_comp_words_by_ref > /dev/null || _get_comp_words_by_ref() {
    cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
}
complete -o default -F __sotto_complete sotto
`;

/** The package's script, which can be read again in a shell that has read it: there its constants could not be set a second time. */
function bashScript(): string {
  const lines = printedBy(() => {
    script("bash", "sotto", "sotto");
  });
  return `${lines.join("\n").replaceAll(/^readonly (?=ShellComp)/gm, "")}\n`;
}

export function completionCommand(): Command {
  return new Command("completion")
    .description("print a script that lets a shell complete commands, options and files at Tab")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      if (shell === "bash") process.stdout.write(`${bashScript()}${BASH_REST}`);
      else script(shell, "sotto", "sotto");
    })
    .addHelpText(
      "after",
      `
bash        echo 'source <(sotto completion bash)' >> ~/.bashrc
zsh         echo 'source <(sotto completion zsh)' >> ~/.zshrc          (after compinit)
fish        sotto completion fish > ~/.config/fish/completions/sotto.fish
powershell  sotto completion powershell >> $PROFILE

At Tab the shell starts \`sotto complete\` with the words typed so far. Nothing is sent anywhere.`,
    );
}
