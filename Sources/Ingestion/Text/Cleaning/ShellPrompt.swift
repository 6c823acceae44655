// Prompts of shells, and what stands after them: a command, or a line that the kernel printed on the same
// console. A command that prints a file of an IOMMU group is kept as the heading that `tail` prints, which
// names the group; ShellCommand reads it.

import AddressSpaces

struct ShellPrompt {
    enum Found: Equatable {
        /// Only a prompt and a command.
        case command
        /// A command that prints files, which may go on in the next line: "# cat". The path is that of a file
        /// of a group.
        case printer(path: ArraySlice<UInt8>?)
        /// A prompt in front of a line of another program.
        case line(ArraySlice<UInt8>)
    }

    private static let promptBytesMax = 160

    /// Marks of prompts that need no command behind them.
    private static let arrows = ["➜ ", "❯ ", "λ "]

    /// nil when the line has no prompt.
    static func find(_ line: ArraySlice<UInt8>, in folder: inout ShellFolder) -> Found? {
        if LineMarks.starts(line.drop(while: TextLines.isBlank), "[sudo] password for") { return .command }
        guard let text = command(in: line) else {
            guard isBareCommand(line) else { return nil }
            return CommandOutput.ofKernel(behind: line).map(Found.line)
                ?? ShellCommand.read(line, in: &folder)
        }
        folder.show(line[..<text.startIndex].dropLast())
        if isOfKernel(text) { return .line(text) }
        return CommandOutput.ofKernel(behind: text).map(Found.line) ?? ShellCommand.read(text, in: &folder)
    }

    /// The command after a prompt; nil when the line has none.
    static func command(in line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        afterPrompt(line)?.drop(while: TextLines.isBlank)
    }

    /// What stands after `root@host:~# `, `[root@host ~]$ `, `host:/$ `, `bash-5.1# `, `~ # `, `$ ` or `# `.
    private static func afterPrompt(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bare = line.drop(while: TextLines.isBlank)
        guard let first = bare.first else { return nil }
        for arrow in arrows where bare.starts(with: arrow.utf8) {
            let rest = bare.dropFirst(arrow.utf8.count).drop(while: TextLines.isBlank)
            // The folder's name comes first: "➜  iommu_groups cat".
            let behind = rest.prefix(promptBytesMax).drop { !TextLines.isBlank($0) }
            return !isCommand(rest) && isCommand(behind) ? rest[behind.startIndex...] : rest
        }
        if let rest = afterWindowsPrompt(bare) { return rest }
        let window = bare.prefix(promptBytesMax)
        guard let sign = window.indices.first(where: { isSign(at: $0, in: bare) }) else { return nil }
        let rest = bare[(sign + 1)...]
        if sign == bare.startIndex {
            // "#" begins comments as well, and "%" may begin anything.
            let isSure = first == UInt8(ascii: "$") && TextLines.isBlank(rest.first ?? 0)
            if isSure || (rest.first.map(TextLines.isBlank) ?? false) && isCommand(rest) { return rest }
            return isBareCommand(rest) ? rest : nil
        }
        return isPlace(bare[..<sign], before: rest) ? rest : nil
    }

    /// What stands after `PS C:\> ` and `C:\Users\me>`.
    private static func afterWindowsPrompt(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var place = line
        if LineMarks.starts(line, "PS ") { place = line.dropFirst(3) }
        guard let drive = place.first, (0x41...0x5a).contains(drive),
            LineMarks.starts(place.dropFirst(), ":\\"),
            let sign = place.prefix(promptBytesMax).firstIndex(of: UInt8(ascii: ">"))
        else { return nil }
        return line[(sign + 1)...]
    }

    /// A "$", "#" or "%" with a blank or nothing after it, or with a command.
    private static func isSign(at place: Int, in line: ArraySlice<UInt8>) -> Bool {
        let rest = line[(place + 1)...]
        switch line[place] {
        case UInt8(ascii: "$"), UInt8(ascii: "#"), UInt8(ascii: "%"):
            return rest.first.map { TextLines.isBlank($0) || isCommand(rest) } ?? true
        case UInt8(ascii: ">"):
            // fish; a mark of quoted mail has nobody in front of it.
            return line[..<place].contains(UInt8(ascii: "@")) && isCommand(rest)
        default: return false
        }
    }

    /// Who and where: `root@host:~`, `[root@host ~]`, `host:/`, `bash-5.1`, `/`, `(env) me@host:~`.
    private static func isPlace(_ bytes: ArraySlice<UInt8>, before rest: ArraySlice<UInt8>) -> Bool {
        let text = TextLines.string(LineMarks.trimmed(bytes))
        guard let first = text.first, !text.contains(": ") else { return false }
        let words = text.split(separator: " ")
        // "(env) me@host:~": nothing else stands in front of a name.
        let isFirst = words.first.map { $0.contains("@") || $0.hasPrefix("(") } ?? false
        if words.count <= 3, isFirst, let at = text.firstIndex(of: "@"), at > text.startIndex,
            text[text.index(after: at)...].first?.isLetter == true
                || text[text.index(after: at)...].first?.isNumber == true
        {
            return true
        }
        guard words.count == 1 else { return false }
        // zsh and csh print the host's name alone: "ampere% ".
        if bytes.last != UInt8(ascii: " "), text.utf8.allSatisfy({ isOfHost($0) }), isCommand(rest) {
            return true
        }
        if first == "/" || first == "~" { return true }
        if let colon = text.firstIndex(of: ":"), first.isLetter {
            let path = text[text.index(after: colon)...].first
            return path == "/" || path == "~"
        }
        return ["bash-", "sh-", "zsh-"].contains {
            text.hasPrefix($0) && text.dropFirst($0.count).first?.isNumber == true
        }
    }

    private static func isOfHost(_ byte: UInt8) -> Bool {
        (0x61...0x7a).contains(byte | 0x20) || DecimalLiteral.isDigit(byte) || byte == 0x2d || byte == 0x2e
    }

    /// What the kernel prints on a console, prompt or not.
    private static func isOfKernel(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first else { return false }
        let next = text.dropFirst().first ?? 0
        if first == 0x5b { return next == 0x20 || DecimalLiteral.isDigit(next) }
        if first == 0x3c { return DecimalLiteral.isDigit(next) }
        return LineMarks.starts(text, "(XEN)") || !isCommand(text) && LineMarks.starts(text, "arm-smmu")
    }

    private static func isCommand(_ text: ArraySlice<UInt8>) -> Bool {
        let word = ShellCommand.firstWord(text)
        return ShellCommand.names.contains(word) || word.hasPrefix("./")
    }

    /// `cat /proc/iomem`, copied without its prompt.
    private static func isBareCommand(_ line: ArraySlice<UInt8>) -> Bool {
        guard let first = line.first, (0x61...0x7a).contains(first) else { return false }
        let words = line.prefix(promptBytesMax).split(whereSeparator: TextLines.isBlank)
        switch ShellCommand.firstWord(line) {
        case "cd": return words.count == 2
        case "for": return words.count > 3 && TextLines.string(words[2]) == "in"
        case let name where ShellCommand.printers.contains(name):
            return words.dropFirst().contains {
                $0.first == 0x2f || $0.first == 0x2d
                    || $0.suffix(ShellCommand.regionFile.utf8.count).elementsEqual(
                        ShellCommand.regionFile.utf8)
            }
        default: return false
        }
    }

    struct Continuation {
        let path: ArraySlice<UInt8>?
    }
}
