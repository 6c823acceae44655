// `iovad completions`: the script by which a shell completes this command, made by the argument parser from
// the same declarations as the help.

import ArgumentParser

struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print a completion script for bash, zsh or fish.",
        discussion: """
              iovad completions bash > /etc/bash_completion.d/iovad
              iovad completions zsh > "${fpath[1]}/_iovad"
              iovad completions fish > ~/.config/fish/completions/iovad.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish

        var generated: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        let script = Iovad.completionScript(for: shell.generated)
        // Where it knows nothing better, bash completes names of files, as without a script.
        print(script.replacing("complete -o filenames -F", with: "complete -o default -o filenames -F"))
    }
}
