// The words of the command line before the argument parser reads them. It takes what begins with a hyphen for
// an option, and ignores a topic of help that does not exist: it would say that a value is missing where one
// is wrong, and end as if all were well.

import AddressSpaces
import ArgumentParser

enum CommandWords {
    /// `--ram -1` as `--ram=-1`: no option begins with a digit, so that it is a value.
    static func joiningNegatives(_ words: [String]) -> [String] {
        var joined: [String] = []
        for (place, word) in words.enumerated() {
            if word == "--" { return joined + words[place...] }
            let isOption = joined.last.map { $0.hasPrefix("--") && !$0.contains("=") } ?? false
            if isOption, isNegative(word) {
                joined[joined.count - 1] += "=" + word
            } else {
                joined.append(word)
            }
        }
        return joined
    }

    private static func isNegative(_ word: String) -> Bool {
        word.hasPrefix("-") && word.utf8.dropFirst().first.map { DecimalLiteral.isDigit($0) } ?? false
    }

    /// Of `help ...`: the first word that names no command, and the command that it is looked for in.
    static func unknownTopic(_ words: [String]) -> (word: String, parent: String)? {
        guard words.first == "help" else { return nil }
        var commands = Iovad.configuration.subcommands
        var parent = "iovad"
        for word in words.dropFirst() where !word.hasPrefix("-") {
            guard let command = commands.first(where: { $0._commandName == word }) else {
                return word == "help" && parent == "iovad" ? nil : (word, parent)
            }
            commands = command.configuration.subcommands
            parent += " " + word
        }
        return nil
    }
}
