// Where in a line a driver begins to speak: "arm-smmu 64000000.iommu: ", "(XEN) smmu: /iommu@51400000: ". A
// line of a mail that was filled again has several. Every name has "smmu" in it, so that a line is searched
// once.

import AddressSpaces
import Machines

/// A driver's name and its device's in a line.
struct FaultMark {
    let driver: SMMUFault.Driver
    let format: SMMUFault.Format
    /// Empty where the line names no device.
    let smmu: String
    /// Where the driver's name begins, and where its message does.
    let start: Int
    let text: Int

    private struct Speaker {
        let word: [UInt8]
        let driver: SMMUFault.Driver

        init(_ word: String, _ driver: SMMUFault.Driver) {
            self.word = Array(word.utf8)
            self.driver = driver
        }
    }

    /// Of NVIDIA's own driver for Xavier.
    private static let xavier = "t19x-"

    /// Names of drivers that stand in front of a device's, as Linux prints them.
    private static let linux: [Speaker] = [
        Speaker("arm-smmu", .armSMMU), Speaker("arm-smmu-v3", .armSMMUv3),
        Speaker("arm-smmu-impl", .armSMMU), Speaker("arm-smmu-qcom", .armSMMU),
        Speaker("arm-smmu-nvidia", .armSMMU), Speaker(xavier + "arm-smmu", .armSMMU),
    ]

    /// Names with a colon, as Xen prints them; a path of the device tree follows.
    private static let xen: [Speaker] = [
        Speaker("smmu:", .armSMMU), Speaker("smmuv3:", .armSMMUv3), Speaker("smmu-v3:", .armSMMUv3),
    ]

    private static let nameBytesMax = 64
    private static let wordBytesMax = (linux + xen).map(\.word.count).max()! + 1

    /// All marks of a line, in its order.
    static func all(in bytes: ArraySlice<UInt8>) -> [FaultMark] {
        var found: [FaultMark] = []
        var at = bytes.startIndex
        var isXen: Bool?
        while let place = nextName(bytes, from: at) {
            let start = startOfWord(bytes, at: place, notBefore: at)
            let isOfXen = isXen ?? holdsXen(bytes)
            isXen = isOfXen
            if let mark = FaultMark(bytes, start, isOfXen: isOfXen) {
                found.append(mark)
                at = mark.text
            } else {
                at = place + 1
            }
        }
        return found
    }

    /// A driver's name at the end of a line, whose device stands on the next; not before `from`.
    static func unfinished(in bytes: ArraySlice<UInt8>, from: Int) -> Int? {
        guard let last = bytes.lastIndex(where: { !TextLines.isBlank($0) }), last >= from else { return nil }
        let word = bytes[from...last].suffix(wordBytesMax + 1)
        // A search's "dmesg.txt:12:" or a record's "3,1201,70476343,-;" may be glued to it.
        let start = word.lastIndex { !isOfName($0) && $0 != 0x3a || TextLines.isBlank($0) }
        var name = start.map { word[($0 + 1)...] } ?? word
        if let colon = name.dropLast().lastIndex(of: 0x3a) { name = name[(colon + 1)...] }
        let isName =
            linux.contains { name.elementsEqual($0.word) } || xen.contains { isSame(name, $0.word) }
        // "Unhandled arm-smmu context fault from" has one within.
        let before = FaultStamp.trimmed(bytes[from..<name.startIndex]).suffix(9)
        guard isName, name.count < wordBytesMax, !before.elementsEqual("Unhandled".utf8) else { return nil }
        return name.startIndex
    }

    /// Whether a line goes on with a device's name: `arm-smmu-v3.0.auto: ...`.
    static func startsWithDevice(_ bytes: ArraySlice<UInt8>) -> Bool {
        let name = bytes.prefix(nameBytesMax + 1).prefix { !TextLines.isBlank($0) }
        return name.count > 1 && name.last == 0x3a
    }

    private init?(_ bytes: ArraySlice<UInt8>, _ start: Int, isOfXen: Bool) {
        guard start == bytes.startIndex || !Self.isOfName(bytes[start - 1]) else { return nil }
        let word = bytes[start...].prefix(Self.wordBytesMax + 1).prefix { !TextLines.isBlank($0) }
        let behind = bytes[word.endIndex...].drop(while: TextLines.isBlank)
        self.start = start
        if let speaker = Self.linux.first(where: { word.elementsEqual($0.word) }) {
            guard let end = Self.endOfName(behind) else { return nil }
            (driver, format, text) = (speaker.driver, .linux, end + 1)
            smmu = TextLines.string(behind[..<end])
        } else if let speaker = Self.xen.first(where: { Self.isSame(word, $0.word) }) {
            guard isOfXen || behind.first == UInt8(ascii: "/"), let end = Self.endOfName(behind) else {
                return nil
            }
            (driver, format, text) = (speaker.driver, .xen, end + 1)
            smmu = TextLines.string(behind[..<end])
        } else if word.last == 0x3a,
            let speaker = Self.linux.first(where: { word.dropLast().elementsEqual($0.word) }),
            behind.isEmpty || FaultForm.opens(behind, speaker.driver)
                || FaultPhrase.isOpening(behind, speaker.driver)
        {
            (driver, format, text, smmu) = (speaker.driver, .abbreviated, behind.startIndex, "")
        } else {
            return nil
        }
    }

    /// The colon after a device's name. A node without registers has a colon in its name: "soc:iommu".
    private static func endOfName(_ behind: ArraySlice<UInt8>) -> Int? {
        let end = behind.indices.prefix(nameBytesMax + 1).first { place in
            behind[place] == 0x3a
                && (place + 1 == behind.endIndex || TextLines.isBlank(behind[place + 1]))
        }
        guard let end, end > behind.startIndex, !behind[..<end].contains(where: TextLines.isBlank) else {
            return nil
        }
        return end
    }

    /// Where the next "smmu" stands, in small letters or capitals.
    private static func nextName(_ bytes: ArraySlice<UInt8>, from: Int) -> Int? {
        var at = from
        while at + 3 < bytes.endIndex {
            if bytes[at] | 0x20 == 0x73, bytes[at + 1] | 0x20 == 0x6d, bytes[at + 2] | 0x20 == 0x6d,
                bytes[at + 3] | 0x20 == 0x75
            {
                return at
            }
            at += 1
        }
        return nil
    }

    private static let prefix = Array("arm-".utf8)

    private static func startOfWord(_ bytes: ArraySlice<UInt8>, at place: Int, notBefore: Int) -> Int {
        var start = place
        for word in [prefix, Array(xavier.utf8)] {
            let earlier = start - word.count
            guard earlier >= notBefore, bytes[earlier..<start].elementsEqual(word) else { break }
            start = earlier
        }
        return start
    }

    private static func holdsXen(_ bytes: ArraySlice<UInt8>) -> Bool {
        TextLines.Line(number: 0, bytes: bytes, isUnended: false).holds("(XEN)")
    }

    private static func isSame(_ word: ArraySlice<UInt8>, _ small: [UInt8]) -> Bool {
        word.count == small.count && zip(word, small).allSatisfy { $0 == $1 || $0 | 0x20 == $1 }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        DecimalLiteral.isDigit(byte) || (0x61...0x7a).contains(byte | 0x20)
            || [0x2d, 0x2e, 0x2f, 0x5f].contains(byte)
    }
}
