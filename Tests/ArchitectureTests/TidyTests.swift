// The style that a machine can judge: lengths, headers, blanks, leftovers. A unit test, so that no
// linter has to be installed and nothing can drift.

import Testing

@Suite struct TidyTests {
    static let fileLinesMax = 500
    static let functionLinesMax = 60
    static let lineColumnsMax = 110
    /// A sentence or a JSON text in a literal reads worse in pieces than a little too long.
    static let literalColumnsMax = 140

    @Test func everyFileIsFound() {
        #expect(SourceTree.swiftFiles.count > 50, "the walk over the source folders found too little")
    }

    @Test(arguments: SourceTree.swiftFiles.map(\.path))
    func fileIsTidy(path: String) throws {
        let file = try #require(SourceTree.swiftFiles.first { $0.path == path })
        #expect(file.lines.count <= Self.fileLinesMax + 1, "\(path): \(file.lines.count) lines")
        #expect(file.lines.first?.hasPrefix("//") == true, "\(path): no header that says what the file is")
        #expect(file.lines.last == "", "\(path): no newline at its end")
        for (index, line) in file.lines.enumerated() {
            let place = "\(path):\(index + 1)"
            let columnsMax = line.contains("\"") ? Self.literalColumnsMax : Self.lineColumnsMax
            #expect(line.count <= columnsMax, "\(place): \(line.count) columns")
            #expect(line.last != " " && line.last != "\t", "\(place): blanks at the end")
            #expect(!line.contains("\t"), "\(place): a tab")
            for leftover in ["TO" + "DO", "FIX" + "ME", "XX" + "X"] {
                #expect(!line.contains(leftover), "\(place): \(leftover)")
            }
        }
    }

    @Test(arguments: SourceTree.swiftFiles.filter { !$0.path.hasPrefix("Tests/") }.map(\.path))
    func functionsAreShort(path: String) throws {
        let file = try #require(SourceTree.swiftFiles.first { $0.path == path })
        for function in functions(in: file) {
            #expect(
                function.lineCount <= Self.functionLinesMax,
                "\(path):\(function.line): a function of \(function.lineCount) lines")
        }
    }

    @Test func uncheckedSendableSaysWhy() {
        for file in SourceTree.swiftFiles {
            for (index, line) in file.lines.enumerated() where declaresUncheckedSendable(line) {
                let above = file.lines[max(0, index - 12)..<index].joined(separator: "\n")
                #expect(
                    above.contains("`@unchecked Sendable`"),
                    "\(file.path):\(index + 1): no sentence that names what makes it true")
            }
        }
    }

    private func declaresUncheckedSendable(_ line: Substring) -> Bool {
        line.contains("@unchecked " + "Sendable") && !line.contains("//") && !line.contains("\"")
    }

    /// Functions by their indentation: from `func` or `init` to the closing brace in the same column.
    private func functions(in file: SourceFile) -> [(line: Int, lineCount: Int)] {
        var found: [(Int, Int)] = []
        for (index, line) in file.lines.enumerated() {
            let indent = line.prefix { $0 == " " }
            let words = line.dropFirst(indent.count).split(separator: " ")
            guard words.contains(where: { $0 == "func" || $0.hasPrefix("init(") || $0.hasPrefix("init?(") }),
                !line.contains("//")
            else { continue }
            let closing = indent + "}"
            guard let end = file.lines[index...].firstIndex(where: { $0 == closing }) else { continue }
            found.append((index + 1, end - index + 1))
        }
        return found
    }
}
