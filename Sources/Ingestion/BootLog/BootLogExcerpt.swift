// The lines of a kernel's log that are worth collecting of a host: those that the reader of boot logs takes
// facts from, and no others, because a log also says what is nobody's business. The command line is left
// out for that reason, and faults because a storm of them would leave no room.

import AddressSpaces
import Machines

/// What `iovad collect` takes of a kernel's log, in the binary and in the script.
public enum BootLogExcerpt {
    public static let linesMax = 5_000
    /// Longer lines are cut; none of those that are read is as long.
    public static let lineBytesMax = 400

    /// A line with one of these is taken.
    public static let words = BootLogPhrase.allCases.compactMap(\.collectedAs)

    /// The lines of a text of printable ASCII, each ended, and whether there were more than are taken.
    public static func lines(of text: [UInt8]) -> (text: [UInt8], isCut: Bool) {
        var taken: [UInt8] = []
        var count = 0
        for line in text.split(separator: 0x0a) {
            let bare = withoutStamp(line)
            guard holdsWord(bare) else { continue }
            guard count < linesMax else { return (taken, true) }
            count += 1
            taken += bare.prefix(lineBytesMax) + [0x0a]
        }
        return (taken, false)
    }

    private static let bytes = words.map { Array($0.utf8) }

    private static func holdsWord(_ line: ArraySlice<UInt8>) -> Bool {
        line.indices.contains { at in
            bytes.contains { $0[0] == line[at] && line[at...].starts(with: $0) }
        }
    }

    /// Without `<6>` and `[    1.234567] `, which two programs need not print alike.
    private static func withoutStamp(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func digits(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            rest.drop { DecimalLiteral.isDigit($0) }
        }
        var rest = line
        if rest.first == 0x3c {
            let level = digits(rest.dropFirst())
            if level.first == 0x3e { rest = level.dropFirst() }
        }
        guard rest.first == 0x5b else { return rest }
        let seconds = digits(rest.dropFirst().drop { $0 == 0x20 })
        guard seconds.first == 0x2e else { return rest }
        let end = digits(seconds.dropFirst())
        return end.starts(with: [0x5d, 0x20]) ? end.dropFirst(2) : rest
    }
}

extension BootLogPhrase {
    /// Words that a line with this phrase has, wherever they stand in it; nil when it is not collected.
    fileprivate var collectedAs: String? {
        switch self {
        case .addressSizes: ": ias "
        case .hostBridge, .rootResource, .member, .stage1, .stage2, .pageSizes, .itsFrame, .its, .v2mFrame,
            .release, .defaultDomain, .directMapping, .iort, .oldIORT:
            rawValue
        // On the line of its window.
        case .busAddress: nil
        // /proc/iomem has the memory, and the kernel's release is collected by itself.
        case .memoryNode, .booting: nil
        // A host that can be collected tells by its lists, and by its kernel's name.
        case .intelIOMMU, .amdIOMMU: nil
        case .commandLine, .contextFault, .event: nil
        }
    }
}
