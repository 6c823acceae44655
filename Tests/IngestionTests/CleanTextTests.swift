// The cleaning step: clean texts stay as they are, dirty ones say what the clean one says, and every kind
// of dirt is told once.

import Foundation
import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct CleanTextTests {
    private static func clean(_ text: String, _ stamps: CleanText.Stamps = .removed) -> CleanText {
        CleanText(Array(text.utf8), stamps: stamps)
    }

    /// The facts of a dirty text, or why it is refused, beside those of the clean one.
    private func expectSame(_ reader: CleanReader, _ bytes: [UInt8], _ facts: [String], _ name: String) {
        do {
            let found = try reader.facts(bytes)
            #expect(found == facts, "\(name)")
        } catch {
            Issue.record("\(error): \(name)")
        }
    }

    @Test(arguments: CleanReader.allCases) func ownTextsStay(reader: CleanReader) throws {
        #expect(!reader.texts.isEmpty)
        // One seed is a quoted mail itself.
        for text in reader.texts where !text.contains("\n> ") {
            let clean = Self.clean(text, reader.stamps)
            #expect(clean.bytes == Array(text.utf8), "\(text)")
            #expect(clean.findings.isEmpty && clean.linesSkipped == 0, "\(clean.findings)\n\(text)")
            #expect(try !reader.facts(Array(text.utf8)).isEmpty)
        }
    }

    @Test(arguments: CleanReader.allCases) func dirtyTextsSayTheSame(reader: CleanReader) throws {
        for text in reader.texts {
            let facts = try reader.facts(Array(text.utf8))
            for (name, dirt) in Dirt.all(command: reader.command, knowsStamps: reader.stamps == .kept) {
                let bytes = dirt(text)
                expectSame(reader, bytes, facts, "\(name)\n\(text)")
                let clean = CleanText(bytes, stamps: reader.stamps)
                let again = CleanText(clean.bytes, stamps: reader.stamps)
                #expect(again.bytes == clean.bytes && again.findings.isEmpty, "\(name): \(again.findings)")
                #expect(!clean.findings.isEmpty || text == String(decoding: bytes, as: UTF8.self), "\(name)")
            }
        }
    }

    /// Messages of the SMMU drivers have rules and tests of their own.
    @Test(arguments: CleanReader.allCases.filter { $0 != .faults }) func brokenLinesAreJoined(
        reader: CleanReader
    ) throws {
        for text in reader.texts {
            let facts = try reader.facts(Array(text.utf8))
            for broken in Dirt.broken(text) + [Dirt.folded(text)] {
                for depth in [0, 1, 6] {
                    let dirty = Dirt.quoted(broken, depth: depth)
                    expectSame(reader, Array(dirty.utf8), facts, "\(dirty)")
                }
            }
        }
    }

    @Test(arguments: CleanReader.allCases) func layersOfDirtSayTheSame(reader: CleanReader) throws {
        var random = SeededGenerator.forTest("layers of dirt", fallback: 0xd127)
        for text in reader.texts {
            let facts = try reader.facts(Array(text.utf8))
            for _ in 0..<40 {
                let bytes = Dirt.layered(text, command: reader.command, &random)
                expectSame(reader, bytes, facts, "\(String(decoding: bytes, as: UTF8.self))")
                let clean = CleanText(bytes, stamps: reader.stamps)
                #expect(CleanText(clean.bytes, stamps: reader.stamps).bytes == clean.bytes)
            }
        }
    }

    /// Files of the reference data that no person has copied.
    @Test(.enabled(if: SharedShelf.isPresent)) func referenceTextsStay() throws {
        var count = 0
        for folder in ["data/linux-captures", "data/linux-captures-2"] {
            for capture in SharedShelf.names(in: folder) where !capture.hasSuffix(".md") {
                for name in SharedShelf.names(in: "\(folder)/\(capture)") where name.hasSuffix(".txt") {
                    let bytes = SharedShelf.bytes("\(folder)/\(capture)/\(name)")
                    #expect(CleanText(bytes, stamps: .removed).bytes == bytes, "\(capture)/\(name)")
                    count += 1
                }
            }
        }
        #expect(count > 5)
    }

    /// Prompts of other shells, what sudo asks, and what `more` draws around a file's name.
    @Test(arguments: [
        "ampere% cat /proc/x\n", "user@ava ~> cat /proc/x\n", "[sudo] password for ubuntu: \n",
        "::::::::::::::\n",
    ])
    func surroundingsAreSkipped(line: String) {
        let region = "0x0000000008000000 0x00000000080fffff msi\n"
        let clean = Self.clean(line + region)
        #expect(String(decoding: clean.bytes, as: UTF8.self).hasSuffix("\n" + region), "\(line)")
        #expect(!clean.findings.isEmpty && !clean.bytes.starts(with: line.utf8.prefix(6)), "\(line)")
    }

    /// What `echo` printed beside a file, and rows of tables.
    @Test(arguments: [
        ("$ cat /proc/x; echo $?", "0"), ("root@h:~# cat /proc/x && echo ok", "ok"),
        ("$ cat /proc/x; echo \"--- end ---\"", "--- end ---"),
    ])
    func echoesAreSkipped(command: String, line: String) {
        let region = "0x0000000008000000 0x00000000080fffff msi\n"
        let clean = Self.clean(command + "\n" + region + line + "\n")
        #expect(String(decoding: clean.bytes, as: UTF8.self) == "\n" + region + "\n", "\(command)")
        // Once, and only where the command prints it.
        let twice = Self.clean(command + "\n" + line + "\n" + line + "\n")
        #expect(String(decoding: twice.bytes, as: UTF8.self) == "\n\n" + line + "\n", "\(command)")
        #expect(String(decoding: Self.clean(line + "\n").bytes, as: UTF8.self) == line + "\n", "\(command)")
    }

    @Test func rowsOfTables() {
        for (head, rule) in [
            ("| start | end | type |", "|---|:--:|---|"),
            ("| start | end | type |", "+-------+-----+------+"),
        ] {
            let text = head + "\n" + rule + "\n| `0x8000000` | 0x80fffff | msi |\n"
            let clean = Self.clean(text)
            #expect(
                String(decoding: clean.bytes, as: UTF8.self) == "\n\n0x8000000 0x80fffff msi\n", "\(rule)")
            #expect(clean.findings.map(\.code) == ["text-cleaned"], "\(clean.findings)")
        }
        // Whether a number is a group's only its heading tells: such rows are left to be refused.
        let numbered = "| 1 | 0x8000000 | 0x80fffff | msi |\n"
        #expect(String(decoding: Self.clean(numbered).bytes, as: UTF8.self).contains(" | 0x80fffff"))
        #expect(String(decoding: Self.clean("| 0x1 0x2 msi\n").bytes, as: UTF8.self) == "0x1 0x2 msi\n")
    }

    /// A heading is known by its place above a rule, whatever digits its names have; a row with an address
    /// never is one, wherever it stands.
    @Test func headingsWithDigits() throws {
        let row = "| 0x8000000 | 0x80fffff | msi |"
        let plain = "0x8000000 0x80fffff msi"
        for names in ["start", "64-bit start", "Start (0x...)", "IOMMU group 3", "start 0", "1st"] {
            let head = "| \(names) | end | type |"
            for (text, clean) in [
                ([head, "|---|:--:|---|", row], ["", "", plain]),
                ([head, "| --- | --- | --- |", row, row], ["", "", plain, plain]),
                (["+---+---+", head, "+---+---+", row, "+---+---+"], ["", "", "", plain, ""]),
                (["|| \(names) || end || type ||", row], ["", plain]),
            ] {
                let found = String(decoding: Self.clean(text.joined(separator: "\n")).bytes, as: UTF8.self)
                #expect(found == clean.joined(separator: "\n"), "\(text)")
            }
        }
        // A table without a heading loses nothing, nor does what follows one table directly.
        for text in [
            ["+---+---+", row, "+---+---+"], ["| a | b | c |", "|---|---|---|", row, "|---|---|---|"],
        ] {
            let found = String(decoding: Self.clean(text.joined(separator: "\n")).bytes, as: UTF8.self)
            #expect(found.contains(plain), "\(text)")
        }
        let group = "| start (64 bit) | end | type |\n|---|---|---|\n\(row)\n"
        #expect(try !SysfsText.read(Array(group.utf8), &scratch).isEmpty)
    }

    /// A prompt that was seen with a command is one without too; the same word alone may be anything.
    @Test func promptsAlone() {
        let text = "ampere% cat /proc/x\nampere% \n% x\nampere%\n"
        #expect(String(decoding: Self.clean(text).bytes, as: UTF8.self) == "\n\n% x\n\n")
        #expect(Self.clean("ampere% \n").findings.isEmpty)
    }

    /// A mail program may write tabs as "=09"; after a name, "=09" is a value.
    @Test func encodedTabs() {
        let log = "a arm-smmu-v3 x: =090x10 and more that is long enough to be broken up like this=\n one\n"
        #expect(String(decoding: Self.clean(log).bytes, as: UTF8.self).contains("x: \t0x10"))
        #expect(String(decoding: Self.clean("cb=09\n").bytes, as: UTF8.self) == "cb=09\n")
        // A break after the text's own tab, the only "=" that there is; after blanks a value is missing.
        let broken = "Nov 12 03:01:11 host kernel: arm-smmu-v3 490d0000.iommu: \t=\n0x0000001800000010\n"
        #expect(String(decoding: Self.clean(broken).bytes, as: UTF8.self).contains(": \t0x0000001800000010"))
        let register =
            "Nov 12 03:01:11 host kernel: arm-smmu 15000000.apps-smmu: FAR    =\n0x0000001800000010\n"
        let cleaned = String(decoding: Self.clean(register).bytes, as: UTF8.self)
        #expect(cleaned.contains("FAR    =\n") && cleaned.contains("0x0000001800000010"), "\(cleaned)")
    }

    @Test func lineNumbersStay() throws {
        let text =
            "> root@host:~# dmesg\n> \n> \u{1b}[1m[1.0] arm-smmu 1.iommu: Unhandled context fault: fsr=0x402, iova=0x40, cb=1\u{1b}[0m\n"
        #expect(try FaultLog.read(Array(text.utf8)).faults.map(\.line) == [3])
        let encoded = "a=3D1=\nb=\nc\nd=3D2\n"
        #expect(String(decoding: Self.clean(encoded).bytes, as: UTF8.self) == "a=1bc\n\n\nd=2\n")
        #expect(Self.clean("a\r\rb\nc\n").lines.map(\.number) == [1, 1, 2])
        #expect(Self.clean("a\rb\rc").lines.map(\.number) == [1, 2, 3])
    }

    @Test func kindsAreToldOnceEach() {
        let text = "> $ cat /proc/iomem\n> 08000000-0fffffff : PCI Bus 0002:00\n--More--(1%)\n> $ ls\n"
        let findings = Self.clean(text).findings
        #expect(findings.map(\.code) == ["text-cleaned", "text-cleaned", "text-cleaned"])
        #expect(findings.map(\.location) == ["line 1", "line 3", "line 1"])
        #expect(findings.allSatisfy { $0.severity == .info })
        #expect(findings[0].detail.contains("3 lines") && findings[2].detail.contains("2 lines"))
    }

    /// Each of these is a line of a kernel, a tracer or a table, and no mark of a copy.
    @Test(arguments: [
        "attrs=", "0x8000000 0x80fffff msi", "# tracer: nop", "#                | / _----=> need-resched",
        "0000: 49 4F 52 54",
        "  10:00.0 Ethernet controller", "[drm] a message", "arm-smmu-v3 1.iommu: \t0x10", "size=524288",
        "a | b", "kernel: no",
        "init: $PATH # is set", "map: IOMMU: iova=0x1000", "x=41=42=43",
    ])
    func plainLinesStay(line: String) {
        for text in [line, line + "\n" + line + "\n", "x\n" + line] {
            let clean = Self.clean(text, .kept)
            #expect(String(decoding: clean.bytes, as: UTF8.self) == text, "\(clean.findings)")
        }
    }

    @Test func linesOnAConsoleAreKept() {
        let clean = Self.clean(
            "root@host:~# [  12.5] arm-smmu 1.iommu: Unhandled\nroot@host:~# dmesg | grep arm-smmu\n", .kept)
        #expect(String(decoding: clean.bytes, as: UTF8.self) == "[  12.5] arm-smmu 1.iommu: Unhandled\n\n")
    }

    /// Work grows with the text, not with its square.
    @Test(arguments: [
        ">", "> ", "=\n", "=3D", "= ", "\r", "\u{1b}[", "\u{1b}]", "^[[", "#033[0", "\u{8}", "$ ", "# cat\n",
        "--More--(",
        "```", "1\n", "a@b:~# ", "[", "[1.0] ", "<6>", "|", "\n", " ", "\u{a0}", "On wrote:", "- 0x1\n",
        "0x1\n",
        "IOMMU Group 1:\n", "cd a\n", "# cd a; cat b/reserved_regions\n", "for x in y; do\n", "[a@b 1]$ ",
        "1\n0x1 0x2 msi\n", "x 1.0: map: IOMMU: iova=0x1\n-\n",
    ])
    func longTextsTakeNoLongerThanTheyAre(unit: String) {
        Growth.expectLinear(from: 16 << 10, unit) { bytes in
            let text = Array(String(repeating: unit, count: bytes / unit.utf8.count).utf8)
            for stamps in [CleanText.Stamps.kept, .removed] { _ = CleanText(text, stamps: stamps) }
            _ = InputKind.sniff(text)
            _ = try? TraceText.read(text)
            _ = try? SysfsText.read(text, &self.scratch)
        }
    }

    private var scratch: FindingList {
        get { FindingList() }
        nonmutating set {}
    }

    @Test func anyBytesAreCleaned() {
        var random = SeededGenerator.forTest("cleaning", fallback: 0xc1ea)
        let texts = CleanReader.allCases.flatMap(\.texts)
        for _ in 0..<3_000 {
            var bytes = Dirt.layered(texts.randomElement(using: &random)!, command: "cat", &random)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default:
                    bytes.insert(Array("=>|$#\r\n\u{1b}[`-:".utf8).randomElement(using: &random)!, at: at)
                }
                if bytes.isEmpty { break }
            }
            let clean = CleanText(bytes, stamps: .removed)
            #expect(clean.lines.allSatisfy { $0.number <= bytes.count + 1 })
            _ = InputKind.sniff(bytes)
        }
    }
}
