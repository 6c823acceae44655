// The text of ftrace with the events iommu:map and iommu:unmap (and the attaching of devices), as
// /sys/kernel/tracing/trace, `trace-cmd report` or `perf script` prints it. Mirrors the TP_printk of
// include/trace/events/iommu.h, Linux 4.4 to 7.2; other lines are skipped and counted.

import AddressSpaces
public import Machines

/// Reads traces.
public enum TraceText {
    public struct Content: Sendable {
        public var events: [MappingEvent] = []
        public var linesRead = 0
        public var linesIgnored = 0
        /// Events that the tracer says it lost, of any kind; a loss without a number counts as one.
        public var eventsLost: UInt64 = 0
        /// What was taken away around the trace's lines, and lines that were joined.
        public var findings: [Finding] = []
    }

    /// The events of a trace in its order. A line that begins like an event and cannot be read is refused:
    /// a trace with a hole in it would be explained wrongly. Only the last line may be cut off.
    public static func read(_ text: [UInt8]) throws(TextError) -> Content {
        let clean = CleanText(text, stamps: .removed)
        var reading = TraceReading(skipped: clean.linesSkipped)
        for line in clean.lines where !line.isBlank { try reading.take(line) }
        try reading.finish()
        reading.content.findings = clean.findings + reading.notes.findings
        return reading.content
    }

    private static let mark = Array("IOMMU:".utf8)
    static let names = ["map", "unmap", "attach_device_to_domain", "detach_device_from_domain"]

    /// Whether the line reports a mapping.
    static func isLine(_ line: TextLines.Line) -> Bool {
        guard line.bytes.first != 0x23 else { return false }
        // An event that was broken after its name.
        if line.bytes.drop(while: TextLines.isBlank).starts(with: "IOMMU: iova=0x".utf8) { return true }
        return event(in: line.bytes)?.name.hasSuffix("map") ?? false
    }

    /// The event's name, where it stands, and its text: `... 5.826738: map: IOMMU: iova=...`. A task may be
    /// named like an event, so the last place that looks like one counts.
    static func event(
        in bytes: ArraySlice<UInt8>
    ) -> (name: String, place: Int, text: ArraySlice<UInt8>)? {
        guard bytes.count > mark.count else { return nil }
        for at in (bytes.startIndex...(bytes.endIndex - mark.count)).reversed()
        where bytes[at] == mark[0] && bytes[at..<at + mark.count].elementsEqual(mark) {
            let before = trimmed(bytes[..<at])
            guard before.last == 0x3a else { continue }
            let word = before.dropLast().reversed().prefix { $0 != 0x20 && $0 != 0x3a && $0 != 0x09 }
            let name = TextLines.string(Array(word.reversed()))
            // Behind a time stamp or the name of the system: `5.8: map:`, `iommu:map:`.
            let place = before.endIndex - 1 - word.count
            let stamp = trimmed(bytes[..<place])
            guard names.contains(name), stamp.isEmpty || stamp.last == 0x3a else { continue }
            return (name, place, bytes[(at + mark.count)...])
        }
        return nil
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        // Of a slice that others look at too, removeLast() copies all.
        bytes.lastIndex { !TextLines.isBlank($0) }.map { bytes[...$0] } ?? bytes[..<bytes.startIndex]
    }

    /// `iova=0x1000 size=4096` by name.
    static func values(_ text: ArraySlice<UInt8>) -> [String: ArraySlice<UInt8>] {
        var values: [String: ArraySlice<UInt8>] = [:]
        for token in text.split(whereSeparator: TextLines.isBlank) {
            guard let equals = token.firstIndex(of: 0x3d) else { continue }
            values[TextLines.string(token[..<equals])] = token[(equals + 1)...]
        }
        return values
    }

    static func kind(_ name: String, _ values: [String: ArraySlice<UInt8>]) -> MappingEvent.Kind? {
        if name.hasSuffix("domain") {
            guard let device = values["device"], !device.isEmpty, device.count <= 128 else { return nil }
            let id = TextLines.string(device)
            return name.hasPrefix("attach") ? .attach(device: id) : .detach(device: id)
        }
        guard let iova = values["iova"].flatMap(TextLines.prefixedHex), let size = number(values["size"]),
            size > 0, !iova.addingReportingOverflow(size - 1).overflow
        else { return nil }
        if name == "unmap" {
            // A block that is larger than what was asked for goes as a whole.
            let unmapped = number(values["unmapped_size"]) ?? size
            guard !iova.addingReportingOverflow(max(unmapped, 1) - 1).overflow else { return nil }
            return .unmap(iova: iova, size: size, unmapped: unmapped)
        }
        guard let physical = values["paddr"].flatMap(TextLines.prefixedHex),
            !physical.addingReportingOverflow(size - 1).overflow
        else { return nil }
        return .map(iova: iova, physical: physical, size: size)
    }

    /// Sizes are decimal; old kernels print hex.
    private static func number(_ bytes: ArraySlice<UInt8>?) -> UInt64? {
        guard let bytes else { return nil }
        return TextLines.prefixedHex(bytes) ?? DecimalLiteral.parse(bytes)
    }

    /// `kworker/0:1-12` from `  kworker/0:1-12   [000] ..... 5.826738: `, or from the latency format's
    /// `kworker-12   0d..1.   5us : `.
    static func task(_ stamp: ArraySlice<UInt8>) -> String {
        let words = stamp.split(whereSeparator: TextLines.isBlank)
        func isCPU(_ word: ArraySlice<UInt8>) -> Bool {
            word.first == 0x5b && word.last == 0x5d
                && DecimalLiteral.parse(word.dropFirst().dropLast()) != nil
        }
        func endsWithNumber(_ word: ArraySlice<UInt8>) -> Bool {
            guard let dash = word.lastIndex(of: 0x2d) else { return false }
            return DecimalLiteral.parse(word[(dash + 1)...]) != nil
        }
        let name: ArraySlice<ArraySlice<UInt8>>
        if let cpu = words.lastIndex(where: isCPU) {
            name = words[..<cpu]
        } else if let last = words.lastIndex(where: endsWithNumber) {
            name = words[...last]
        } else {
            return ""
        }
        return String(TextLines.string(Array(name.joined(separator: [0x20]))).prefix(64))
    }

    /// `CPU:0 [LOST 43 EVENTS]` of the kernel, `CPU:0 [43 EVENTS DROPPED]` of trace-cmd.
    static func lost(_ line: TextLines.Line) -> UInt64 {
        guard line.holds("[LOST ") || line.holds("EVENTS DROPPED]") else { return 0 }
        let words = line.bytes.split { TextLines.isBlank($0) || $0 == 0x5b || $0 == 0x5d }
        return words.dropFirst().lazy.compactMap { DecimalLiteral.parse($0) }.first ?? 1
    }
}
