// A mail that was filled again has the first lines of a command's output behind the command: `$ dmesg | tail
// [   12.345678] arm-smmu ...`. What the kernel says is kept, by its stamp or by an SMMU driver's name.

import AddressSpaces

enum CommandOutput {
    private static let bytesMax = 4_096
    /// No command in front of a stamp is longer.
    private static let commandBytesMax = 160
    private static let stampBytesMax = 40

    /// The kernel's words in a command's line; nil where it is only a command.
    static func ofKernel(behind command: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard command.count <= bytesMax else { return nil }
        if let stamp = firstStamp(in: command) { return command[stamp...] }
        return isBeforeDriver(command) ? command : nil
    }

    private static func firstStamp(in text: ArraySlice<UInt8>) -> Int? {
        text.prefix(commandBytesMax).indices.first { place in
            // A search's line number may be glued to it.
            guard place > text.startIndex, TextLines.isBlank(text[place - 1]) || text[place - 1] == 0x3a
            else { return false }
            let level = text[place...].prefix(3)
            if level.first == 0x3c, level.count > 2, level.last == 0x3e {
                return DecimalLiteral.isDigit(level[place + 1])
            }
            return text[place] == 0x5b && FaultStamp.time(in: text[place...].prefix(stampBytesMax)) != nil
        }
    }

    /// Whether an SMMU's driver speaks behind the command. A name in quotation marks is a pattern of it.
    private static func isBeforeDriver(_ text: ArraySlice<UInt8>) -> Bool {
        if let mark = FaultMark.all(in: text).first {
            return mark.start > text.startIndex && ![0x22, 0x27].contains(text[mark.start - 1])
        }
        guard let name = FaultMark.unfinished(in: text, from: text.startIndex), name > text.startIndex else {
            return false
        }
        let before = LineMarks.trimmed(text[..<name])
        let isGlued = before.endIndex == name && [0x3a, 0x3b].contains(text[name - 1])
        return isGlued || FaultStamp.hasClock(text) || before.suffix(7).elementsEqual("kernel:".utf8)
    }
}
