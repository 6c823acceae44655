// What a command line makes of the lines after it: whether it prints files, and which file of an IOMMU group.
// A command that prints regions of a group whose number it does not show is told apart from one that prints
// none, because the lines after it are not of the group before.

import AddressSpaces
import Machines

enum ShellCommand {
    static let names: Set<String> = [
        "acpidump", "awk", "bash", "cat", "cd", "cut", "dmesg", "do", "done", "echo", "exit", "find", "for",
        "grep", "head", "journalctl", "less", "logout", "ls", "lspci", "more", "od", "perf", "popd", "printf",
        "pushd", "python3", "sed", "sh", "sort", "ssh", "sudo", "su", "tail", "tee", "trace-cmd", "uname",
        "watch", "while",
        "xxd", "zcat",
    ]
    /// Commands that print files which they are given.
    static let printers: Set<String> = ["cat", "head", "tail", "more", "less", "grep", "sudo", "zcat"]
    private static let loops: Set<String> = ["for", "while", "until"]
    /// Words that begin the lines of a loop besides commands.
    private static let words: Set<String> = ["do", "done", "end", "if", "then", "fi", "{", "}"]

    private static let bytesMax = 4_096
    /// The file of a group that has its regions.
    static let regionFile = "reserved_regions"

    static func firstWord(_ text: ArraySlice<UInt8>) -> String {
        let bare = text.prefix(bytesMax).drop(while: TextLines.isBlank)
        return TextLines.string(bare.prefix { !TextLines.isBlank($0) && $0 != UInt8(ascii: ";") }.prefix(64))
    }

    /// Whether a loop begins here that other lines go on with.
    static func opensLoop(_ text: ArraySlice<UInt8>) -> Bool {
        loops.contains(firstWord(text)) && !closesLoop(text)
    }

    static func closesLoop(_ text: ArraySlice<UInt8>) -> Bool {
        let last = text.suffix(bytesMax).split { TextLines.isBlank($0) || $0 == UInt8(ascii: ";") }.last
        return last.map { ["done", "end"].contains(TextLines.string($0.prefix(8))) } ?? false
    }

    /// A line inside a loop, perhaps after the shell's "for>"; nil for what is no command.
    static func lineOfLoop(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var text = line.drop(while: TextLines.isBlank)
        for prompt in loops.map({ $0 + ">" }) where text.starts(with: prompt.utf8) {
            text = text.dropFirst(prompt.utf8.count)
        }
        let word = firstWord(text)
        return names.contains(word) || words.contains(word) ? text : nil
    }

    /// What a command is, and where the shell is after it.
    static func read(_ text: ArraySlice<UInt8>, in folder: inout ShellFolder) -> ShellPrompt.Found {
        var files: [ArraySlice<UInt8>] = []
        var hasPattern = false
        var (isPrinter, isLister) = (false, false)
        for (index, part) in parts(of: text).enumerated() {
            guard let first = part.first.map({ TextLines.string($0.prefix(64)) }) else { continue }
            if first == "cd" || first == "pushd" {
                folder.enter(part.count == 2 ? unquoted(part[1]) : [UInt8(ascii: "~")])
                continue
            }
            let prints = printers.contains(first) || first == "ls"
            if index == 0 { (isPrinter, isLister) = (printers.contains(first), first == "ls") }
            for word in part.dropFirst().map(unquoted) where isFile(word, prints) {
                if word.contains(where: ShellFolder.patterns.contains) {
                    hasPattern = hasPattern || isOfRegions(word)
                } else {
                    files.append(folder.resolved(word))
                }
            }
        }
        // Several files are printed without their names.
        let ofRegions = files.filter(isOfRegions)
        if hasPattern || ofRegions.count > 1 { return .printer(path: Array(regionFile.utf8)[...]) }
        if let file = ofRegions.first { return .printer(path: file) }
        let path = files.count == 1 ? files.first.flatMap(groupFile) : nil
        return isPrinter || isLister && path != nil ? .printer(path: path) : .command
    }

    /// A line that `echo` prints beside what other commands of the same line do.
    struct Echo {
        /// nil for "$?", which prints a number.
        let words: ArraySlice<UInt8>?

        func prints(_ line: ArraySlice<UInt8>) -> Bool {
            let line = LineMarks.trimmed(line.drop(while: TextLines.isBlank))
            guard let words else {
                return DecimalLiteral.parse(line).map { $0 <= 255 } ?? false
            }
            return line.elementsEqual(words)
        }
    }

    private static let echoesMax = 8

    static func echoes(of text: ArraySlice<UInt8>) -> [Echo] {
        let commands = parts(of: text)
        guard commands.count > 1 else { return [] }
        let found = commands.filter { $0.first?.elementsEqual("echo".utf8) == true }.prefix(echoesMax)
        return found.map { words in
            let printed = Array(words.dropFirst().map { unquoted($0) }.joined(separator: [0x20]))
            return Echo(words: printed.elementsEqual("$?".utf8) ? nil : printed[...])
        }
    }

    /// The end of a command that was broken before its paths: `+1 /proc/iomem`; nil for other lines.
    static func continuation(
        _ line: ArraySlice<UInt8>, in folder: inout ShellFolder
    ) -> ShellPrompt.Continuation? {
        let words = line.prefix(bytesMax).split(whereSeparator: TextLines.isBlank)
        let isOne =
            words.contains { $0.first == 0x2f } && words.allSatisfy { [0x2f, 0x2d, 0x2b].contains($0.first) }
        guard isOne else { return nil }
        let command = Array("cat ".utf8) + line.prefix(bytesMax)
        guard case .printer(let path) = read(command[...], in: &folder) else { return nil }
        return .init(path: path)
    }

    /// The words of each command of the line, without redirections.
    private static func parts(of text: ArraySlice<UInt8>) -> [[ArraySlice<UInt8>]] {
        let bounds = Set(";|&()".utf8)
        return text.prefix(bytesMax).split(whereSeparator: bounds.contains).map { part in
            var words: [ArraySlice<UInt8>] = []
            var isTarget = false
            for word in part.split(whereSeparator: TextLines.isBlank) {
                let bare = word.drop { DecimalLiteral.isDigit($0) }
                let isRedirection = bare.first == UInt8(ascii: ">") || bare.first == UInt8(ascii: "<")
                if !isRedirection, !isTarget { words.append(word) }
                isTarget = isRedirection && bare.count <= 2
            }
            // What a loop or sudo runs.
            while let first = words.first, ["do", "sudo", "then", "time"].contains(TextLines.string(first)),
                words.count > 1
            {
                words.removeFirst()
            }
            return words
        }
    }

    /// Without the quotes around it and the shell's backslashes.
    private static func unquoted(_ word: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        word.filter { ![UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\")].contains($0) }[...]
    }

    private static func isFile(_ word: ArraySlice<UInt8>, _ prints: Bool) -> Bool {
        isOfRegions(word) || prints && word.contains(UInt8(ascii: "/"))
    }

    private static func isOfRegions(_ word: ArraySlice<UInt8>) -> Bool {
        word.count >= regionFile.utf8.count
            && word.suffix(regionFile.utf8.count).elementsEqual(regionFile.utf8)
    }

    /// Another file of a group, or its folder of devices.
    private static func groupFile(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let end = path.lastIndex { $0 != UInt8(ascii: "/") }.map { $0 + 1 } ?? path.startIndex
        let path = path[..<end]
        let parts = path.split(separator: UInt8(ascii: "/"))
        let isOfGroup = parts.dropLast().contains {
            $0.elementsEqual("iommu_groups".utf8) || $0.elementsEqual("iommu_group".utf8)
        }
        return isOfGroup ? path : nil
    }

    /// `cat: /sys/...: Permission denied`, `bash: line 1: cat: ...`: what a command says in place of a file.
    static func isComplaint(_ line: ArraySlice<UInt8>) -> Bool {
        guard let colon = line.prefix(bytesMax).firstIndex(of: UInt8(ascii: ":")) else { return false }
        let name = TextLines.string(line[..<colon].drop(while: TextLines.isBlank).prefix(64))
        let tail = LineMarks.trimmed(line).suffix(128)
        return names.contains(name) && LinuxError.rows.contains { ErrorText.ends(tail, with: $0.words) }
    }
}
