// Prompts of shells, and what stands after them: a command, or a line that the kernel printed on the same
// console. A command that prints a file of an IOMMU group is kept as the heading that `tail` prints, which
// names the group.

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
    private static let commands: Set<String> = [
        "acpidump", "awk", "bash", "cat", "cd", "cut", "dmesg", "do", "done", "echo", "exit", "find", "for",
        "grep",
        "head", "journalctl", "less", "logout", "ls", "lspci", "more", "od", "perf", "python3", "sed", "sh",
        "sort",
        "sudo", "su", "tail", "tee", "trace-cmd", "uname", "watch", "while", "xxd", "zcat",
    ]
    /// Commands that print files which they are given.
    private static let printers: Set<String> = [
        "cat", "head", "tail", "more", "less", "grep", "sudo", "zcat",
    ]

    /// nil when the line has no prompt.
    static func find(_ line: ArraySlice<UInt8>) -> Found? {
        if LineMarks.starts(line.drop(while: TextLines.isBlank), "[sudo] password for") { return .command }
        guard let rest = afterPrompt(line) else { return isBareCommand(line) ? command(line) : nil }
        let text = rest.drop(while: TextLines.isBlank)
        return isOfKernel(text) ? .line(text) : command(text)
    }

    /// What stands after `root@host:~# `, `[root@host ~]$ `, `host:/$ `, `bash-5.1# `, `~ # `, `$ ` or `# `.
    private static func afterPrompt(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let bare = line.drop(while: TextLines.isBlank)
        guard let first = bare.first else { return nil }
        for arrow in ["➜ ", "❯ ", "λ "] where bare.starts(with: arrow.utf8) {
            return bare.dropFirst(arrow.utf8.count)
        }
        let window = bare.prefix(promptBytesMax)
        guard let sign = window.indices.first(where: { isSign(at: $0, in: bare) }) else { return nil }
        let rest = bare[(sign + 1)...]
        if sign == bare.startIndex {
            // "#" begins comments as well, and "%" may begin anything.
            let isSure = first == UInt8(ascii: "$") && TextLines.isBlank(rest.first ?? 0)
            return isSure || (rest.first.map(TextLines.isBlank) ?? false) && isCommand(rest) ? rest : nil
        }
        return isPlace(bare[..<sign], before: rest) ? rest : nil
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
        if words.count <= 3, let at = text.firstIndex(of: "@"), at > text.startIndex,
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
        (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x2d || byte == 0x2e
    }

    /// What the kernel prints on a console, prompt or not.
    private static func isOfKernel(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first else { return false }
        let next = text.dropFirst().first ?? 0
        if first == 0x5b { return next == 0x20 || (0x30...0x39).contains(next) }
        if first == 0x3c { return (0x30...0x39).contains(next) }
        return LineMarks.starts(text, "(XEN)") || !isCommand(text) && LineMarks.starts(text, "arm-smmu")
    }

    private static func firstWord(_ text: ArraySlice<UInt8>) -> String {
        let bare = text.prefix(promptBytesMax).drop(while: TextLines.isBlank)
        return TextLines.string(bare.prefix { !TextLines.isBlank($0) && $0 != 0x3b })
    }

    private static func isCommand(_ text: ArraySlice<UInt8>) -> Bool {
        let word = firstWord(text)
        return commands.contains(word) || word.hasPrefix("./")
    }

    /// `cat /proc/iomem`, copied without its prompt.
    private static func isBareCommand(_ line: ArraySlice<UInt8>) -> Bool {
        guard let first = line.first, (0x61...0x7a).contains(first), printers.contains(firstWord(line)) else {
            return false
        }
        let words = line.prefix(promptBytesMax).split(whereSeparator: TextLines.isBlank)
        return words.count >= 2 && words.dropFirst().contains { $0.first == 0x2f || $0.first == 0x2d }
    }

    private static func command(_ text: ArraySlice<UInt8>) -> Found {
        let words = text.prefix(commandBytesMax).split(whereSeparator: TextLines.isBlank)
        let isPrinter = words.first.map { printers.contains(TextLines.string($0)) } ?? false
        return isPrinter ? .printer(path: groupFile(in: words)) : .command
    }

    private static let commandBytesMax = 4_096

    /// The one path among the words, when it names a file of a group; without the shell's backslashes.
    private static func groupFile(in words: [ArraySlice<UInt8>]) -> ArraySlice<UInt8>? {
        let paths = words.filter { $0.contains(0x2f) }
        // Several files, by name or by pattern, are printed without their names.
        guard paths.count == 1, let path = paths.first, !path.contains(where: patterns.contains) else {
            return nil
        }
        let text = TextLines.string(path)
        let isOfGroup = text.contains("/iommu_groups/") || text.contains("/iommu_group/")
        return isOfGroup && path.last != 0x2f ? path.filter { $0 != 0x5c }[...] : nil
    }

    private static let patterns = Set("*?${[|".utf8)

    /// The end of a command that was broken before its paths: `+1 /proc/iomem`; nil for other lines.
    static func continuation(_ line: ArraySlice<UInt8>) -> Continuation? {
        let words = line.prefix(commandBytesMax).split(whereSeparator: TextLines.isBlank)
        let isOne =
            words.contains { $0.first == 0x2f } && words.allSatisfy { [0x2f, 0x2d, 0x2b].contains($0.first) }
        return isOne ? Continuation(path: groupFile(in: words)) : nil
    }

    struct Continuation {
        let path: ArraySlice<UInt8>?
    }
}
