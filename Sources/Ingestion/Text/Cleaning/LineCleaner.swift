// Line by line, from outside to inside: control characters, quotation marks, banners, fences, stamps, and
// at last prompts with their commands.

struct LineCleaner {
    private(set) var notes: CleaningNotes
    private let stamps: CleanText.Stamps
    /// A command that prints files ended with the line before, perhaps without its paths.
    private var isPrinting = false
    /// The lines before begin a loop of the shell.
    private var isInLoop = false
    private var folder = ShellFolder()
    /// What `echo` prints for the last command: "cat /proc/iomem; echo $?".
    private var echoes: [ShellCommand.Echo] = []
    /// As it stood before the last command: it may stand alone as well.
    private var prompt: ArraySlice<UInt8> = []
    /// The line before was of a table, and rows of it were read.
    private var hasRows = false

    /// Marks of one line inside each other.
    private static let layersMax = 16

    init(_ stamps: CleanText.Stamps, _ notes: CleaningNotes) {
        self.stamps = stamps
        self.notes = notes
    }

    /// The text without what surrounds its lines; the same array where there is nothing.
    mutating func cleaned(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        // A whole copy only of texts that change.
        var same = 0
        let bytes = Bytes(hasControls: TerminalText.mayChange(text), hasHardBlanks: text.contains(0xa0))
        var lines = TextLines(text).lazy.filter { !$0.isBlank }.makeIterator()
        var following = lines.next()
        while let line = following {
            following = lines.next()
            guard let content = content(line, bytes, above: following) else { continue }
            if out.isEmpty { out.reserveCapacity(text.count) }
            out += text[same..<line.bytes.startIndex]
            out += content
            same = line.bytes.endIndex
            if content.allSatisfy(TextLines.isBlank) { notes.noteSkippedLine() }
        }
        return same == 0 ? text : out + text[same...]
    }

    /// What is anywhere in the text, so that lines need not be searched for it.
    private struct Bytes {
        let hasControls: Bool
        let hasHardBlanks: Bool
    }

    /// What is left of a line, nothing when all of it is around the text; nil when the line stays.
    private mutating func content(
        _ line: TextLines.Line, _ text: Bytes, above following: TextLines.Line?
    ) -> ArraySlice<UInt8>? {
        var bytes = line.bytes
        var found: Set<CleaningNotes.Kind> = []
        if text.hasControls, let plain = TerminalText.plain(bytes) {
            bytes = plain[...]
            found.insert(.escapes)
        }
        if text.hasHardBlanks, let soft = Self.withSoftBlanks(bytes) {
            bytes = soft[...]
            found.insert(.hardBlanks)
        }
        let wasPrinting = isPrinting
        isPrinting = false
        let isHead = !hasRows && following.map { TableRow.isRule(line: $0.bytes) } ?? false
        defer { hasRows = found.contains(.tables) && (hasRows || !TableRow.isRule(line: line.bytes)) }
        layers: for _ in 0..<Self.layersMax {
            if let (kind, rest) = layer(bytes, isHead: isHead) {
                found.insert(kind)
                bytes = rest
                continue
            }
            var path: ArraySlice<UInt8>?
            switch shell(bytes, wasPrinting) {
            case .line(let rest):
                found.insert(.prompts)
                bytes = rest
                continue layers
            case nil: break layers
            case .command: break
            case .printer(let file): path = file
            }
            found.insert(.prompts)
            if path == nil { notes.noteCommand(line: line.number) }
            bytes = path.map { Array("==> ".utf8) + $0 + Array(" <==".utf8) }?[...] ?? []
            break
        }
        for kind in found { notes.note(kind, line: line.number) }
        return found.isEmpty ? nil : bytes
    }

    /// A prompt, a line of a loop after one, or the end of a command that was broken.
    private mutating func shell(_ bytes: ArraySlice<UInt8>, _ wasPrinting: Bool) -> ShellPrompt.Found? {
        if isInLoop, let text = ShellCommand.lineOfLoop(bytes) {
            isInLoop = !ShellCommand.closesLoop(text)
            return ShellCommand.read(text, in: &folder)
        }
        isInLoop = false
        let found = ShellPrompt.find(bytes, in: &folder)
        switch found {
        case nil:
            if !prompt.isEmpty, LineMarks.trimmed(bytes).elementsEqual(prompt) { return .command }
            if !echoes.isEmpty, let one = echoes.firstIndex(where: { $0.prints(bytes) }) {
                echoes.remove(at: one)
                return .command
            }
            guard wasPrinting, let more = ShellCommand.continuation(bytes, in: &folder) else { return nil }
            return .printer(path: more.path)
        case .line: break
        case .printer: isPrinting = true
        case .command: break
        }
        let text = ShellPrompt.command(in: bytes) ?? bytes
        isInLoop = ShellCommand.opensLoop(text)
        echoes = isInLoop ? [] : ShellCommand.echoes(of: text)
        if text.startIndex > bytes.startIndex { prompt = LineMarks.trimmed(bytes[..<text.startIndex]) }
        return found
    }

    private func layer(
        _ bytes: ArraySlice<UInt8>, isHead: Bool
    ) -> (CleaningNotes.Kind, ArraySlice<UInt8>)? {
        if let rest = TableRow.content(bytes, isHead: isHead) { return (.tables, rest) }
        if let rest = LineMarks.withoutQuotes(bytes) { return (.quotes, rest) }
        if let rest = LineMarks.withoutPager(bytes) { return (.pager, rest) }
        if let rest = LineMarks.withoutFences(bytes) { return (.fences, rest) }
        if LineMarks.isScript(bytes) { return (.script, []) }
        if LineMarks.isAttribution(bytes) { return (.attribution, []) }
        if stamps == .removed, let rest = LogStamp.removed(from: bytes) { return (.stamps, rest) }
        return nil
    }

    /// U+00A0, which web pages put where blanks must not collapse.
    private static func withSoftBlanks(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.contains(0xa0) else { return nil }
        var out: [UInt8] = []
        for byte in bytes {
            if byte == 0xa0, out.last == 0xc2 { out[out.count - 1] = 0x20 } else { out.append(byte) }
        }
        return out.count == bytes.count ? nil : out
    }
}
