// The text of ftrace with the events iommu:map and iommu:unmap (and the attaching of devices), as
// /sys/kernel/tracing/trace or `trace-cmd report` prints it. Mirrors the TP_printk of
// include/trace/events/iommu.h, Linux 4.4 to 7.2; other lines are passed over and counted.

public import SMMUModel

/// Reads traces.
public enum TraceText {
    public struct Content: Sendable {
        public var events: [MappingEvent] = []
        public var linesRead = 0
        public var linesIgnored = 0
    }

    /// The events of a trace in its order. A line that begins like an event and cannot be read is refused:
    /// a trace with a hole in it would be explained wrongly.
    public static func read(_ text: [UInt8]) throws(TextError) -> Content {
        var content = Content()
        for line in TextLines(text) where !line.isBlank {
            content.linesRead += 1
            guard content.linesRead <= TextLimits.linesMax else {
                throw TextError(line.number, "more than \(TextLimits.linesMax) lines")
            }
            guard line.bytes.first != 0x23, let (name, place) = event(in: line) else {
                content.linesIgnored += 1
                continue
            }
            guard let kind = kind(name, line.bytes[place...]) else {
                throw TextError(
                    line.number, "\"\(line.shown)\" begins like \(name) and does not go on like it")
            }
            content.events.append(MappingEvent(line: line.number, task: task(line), kind: kind))
        }
        return content
    }

    private static let mark = Array(": IOMMU:".utf8)

    /// The event's name and where its text starts: `... 5.826738: map: IOMMU: iova=...`
    private static func event(in line: TextLines.Line) -> (name: String, place: Int)? {
        let bytes = line.bytes
        guard bytes.count > mark.count else { return nil }
        for at in bytes.startIndex...(bytes.endIndex - mark.count)
        where bytes[at] == mark[0] && bytes[at..<at + mark.count].elementsEqual(mark) {
            let name = bytes[..<at].reversed().prefix { $0 != 0x20 && $0 != 0x3a && $0 != 0x09 }
            let word = TextLines.string(Array(name.reversed()))
            let known = ["map", "unmap", "attach_device_to_domain", "detach_device_from_domain"]
            return known.contains(word) ? (word, at + mark.count) : nil
        }
        return nil
    }

    private static func kind(_ name: String, _ text: ArraySlice<UInt8>) -> MappingEvent.Kind? {
        var values: [String: ArraySlice<UInt8>] = [:]
        for token in text.split(whereSeparator: TextLines.isBlank) {
            guard let equals = token.firstIndex(of: 0x3d) else { continue }
            values[TextLines.string(token[..<equals])] = token[(equals + 1)...]
        }
        if name.hasSuffix("domain") {
            guard let device = values["device"], !device.isEmpty, device.count <= 128 else { return nil }
            let id = TextLines.string(device)
            return name.hasPrefix("attach") ? .attach(device: id) : .detach(device: id)
        }
        guard let iova = values["iova"].flatMap(TextLines.prefixedHex), let size = number(values["size"]),
            size > 0, !iova.addingReportingOverflow(size - 1).overflow
        else { return nil }
        if name == "unmap" {
            return .unmap(iova: iova, size: size, unmapped: number(values["unmapped_size"]) ?? size)
        }
        guard let physical = values["paddr"].flatMap(TextLines.prefixedHex),
            !physical.addingReportingOverflow(size - 1).overflow
        else { return nil }
        return .map(iova: iova, physical: physical, size: size)
    }

    /// Sizes are decimal; old kernels print hex.
    private static func number(_ bytes: ArraySlice<UInt8>?) -> UInt64? {
        guard let bytes else { return nil }
        return TextLines.prefixedHex(bytes) ?? TextLines.decimal(bytes)
    }

    /// `kworker/0:1-12` from `  kworker/0:1-12   [000] ..... 5.826738: map: ...`
    private static func task(_ line: TextLines.Line) -> String {
        guard let bracket = line.bytes.firstIndex(of: 0x5b) else { return "" }
        var name = line.bytes[..<bracket].drop(while: TextLines.isBlank)
        while let last = name.last, TextLines.isBlank(last) { name.removeLast() }
        return name.count <= 64 ? TextLines.string(name) : ""
    }
}
