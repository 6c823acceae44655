// SMMU faults in a kernel log. The drivers print a fault over one to seven lines, between which lines of
// others may stand; what belongs together is told by the SMMU's name. Formats of Linux 4.x to 7.2 are read,
// with or without the log's own time stamps.

public import SMMUModel

/// Reads kernel logs.
public enum FaultLog {
    public static let faultsMax = 1_000

    public struct Content: Sendable {
        public var faults: [SMMUFault] = []
        public var linesRead = 0
        /// Lines that say nothing of a fault.
        public var linesIgnored = 0
        /// Lines of an SMMU driver that are no fault: lost events, command errors.
        public var otherLines: [Other] = []
        /// Faults beyond the limit.
        public var faultsDropped = 0

        public struct Other: Sendable {
            public var line: Int
            public var text: String
        }
    }

    /// The faults of a log in its order.
    public static func read(_ text: [UInt8]) throws(TextError) -> Content {
        var log = Reading()
        for line in TextLines(text) where !line.isBlank {
            log.content.linesRead += 1
            guard log.content.linesRead <= TextLimits.linesMax else {
                throw TextError(line.number, "more than \(TextLimits.linesMax) lines")
            }
            log.take(line)
        }
        return log.content
    }

    /// The log so far, with the faults that may be continued.
    private struct Reading {
        var content = Content()
        /// By SMMU name: index of its latest fault, and event words that are still to come.
        var open: [String: Open] = [:]

        struct Open {
            /// nil for a fault beyond the limit.
            var index: Int?
            var words: [UInt64] = []
            var wordsExpected = 0
        }

        mutating func take(_ line: TextLines.Line) {
            guard let (driver, smmu, message) = Self.parted(line) else {
                content.linesIgnored += 1
                return
            }
            switch driver {
            case .armSMMU: takeV2(message, smmu, line)
            case .armSMMUv3: takeV3(message, smmu, line)
            }
        }

        /// `arm-smmu 64000000.iommu: message`, behind whatever stamps the log has.
        private static func parted(
            _ line: TextLines.Line
        ) -> (driver: SMMUFault.Driver, smmu: String, message: ArraySlice<UInt8>)? {
            let bytes = line.bytes
            let mark = Array("arm-smmu".utf8)
            var at = bytes.startIndex
            while at + mark.count < bytes.endIndex {
                defer { at += 1 }
                guard bytes[at] == mark[0], bytes[at..<at + mark.count].elementsEqual(mark),
                    at == bytes.startIndex || [0x20, 0x5d, 0x3a, 0x09].contains(bytes[at - 1])
                else { continue }
                let driver = bytes[at...].prefix { $0 != 0x20 }
                guard let kind = SMMUFault.Driver(rawValue: TextLines.string(driver)) else { continue }
                let behind = bytes[driver.endIndex...].drop(while: TextLines.isBlank)
                guard let colon = behind.firstIndex(of: 0x3a), colon > behind.startIndex,
                    behind.distance(from: behind.startIndex, to: colon) <= 64
                else { continue }
                return (
                    kind, TextLines.string(behind[..<colon]),
                    behind[(colon + 1)...].drop(while: TextLines.isBlank)
                )
            }
            return nil
        }

        private mutating func add(_ fault: SMMUFault) {
            guard content.faults.count < FaultLog.faultsMax else {
                content.faultsDropped += 1
                open[fault.smmu] = Open(index: nil)
                return
            }
            content.faults.append(fault)
            open[fault.smmu] = Open(index: content.faults.count - 1)
        }

        private mutating func other(_ line: TextLines.Line) {
            guard content.otherLines.count < FaultLog.faultsMax else { return }
            content.otherLines.append(.init(line: line.number, text: line.shown))
        }

        private mutating func change(_ smmu: String, _ body: (inout SMMUFault) -> Void) {
            guard let index = open[smmu]?.index else { return }
            body(&content.faults[index])
        }

        private mutating func takeV2(_ message: ArraySlice<UInt8>, _ smmu: String, _ line: TextLines.Line) {
            let fields = FaultFields(message)
            if message.starts(with: Array("Unhandled context fault:".utf8)), let status = fields.u32("fsr"),
                let iova = fields["iova"]
            {
                var fault = SMMUFault.contextFault(
                    smmu: smmu, line: line.number, status: status, iova: iova,
                    syndrome: fields.u32("fsynr") ?? 0, stream: fields.u32("cbfrsynra"))
                if fields["fsynr"] == nil { (fault.isWrite, fault.isInstruction) = (nil, nil) }
                fault.registers = ["fsr", "fsynr", "cbfrsynra", "cb"].compactMap { name in
                    fields[name].map { .init(name, $0) }
                }
                add(fault)
            } else if message.starts(with: Array("FSR".utf8)) || message.starts(with: Array("FSYNR".utf8)) {
                // The decoded lines of newer kernels repeat the registers; the stream may be only there.
                guard let stream = fields.u32("SID") else { return }
                change(smmu) { if $0.streamID == nil { $0.streamID = stream & 0xffff } }
            } else if message.starts(with: Array("Unexpected global fault".utf8)) {
                add(
                    SMMUFault(
                        .armSMMU, smmu: smmu, line: line.number, event: "global fault", cause: .configuration)
                )
            } else if let status = fields.u32("GFSR") {
                takeGlobal(status, fields, smmu, line)
            } else if message.starts(with: Array("Blocked unknown Stream ID".utf8)) {
                var fault = SMMUFault(
                    .armSMMU, smmu: smmu, line: line.number, event: "unknown stream", cause: .configuration)
                fault.streamID = fields.firstNumber.flatMap(UInt32.init(exactly:))
                add(fault)
            } else {
                other(line)
            }
        }

        private mutating func takeGlobal(
            _ status: UInt32, _ fields: FaultFields, _ smmu: String, _ line: TextLines.Line
        ) {
            var fault = SMMUFault.globalFault(
                smmu: smmu, line: line.number, syndrome0: fields.u32("GFSYNR0") ?? 0,
                syndrome1: fields.u32("GFSYNR1") ?? 0)
            fault.registers = ["GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2"].compactMap { name in
                fields[name].map { .init(name, $0) }
            }
            guard let index = open[smmu]?.index, content.faults[index].event == "global fault",
                content.faults[index].registers.isEmpty
            else {
                add(fault)
                return
            }
            fault.line = content.faults[index].line
            content.faults[index] = fault
        }

        private mutating func takeV3(_ message: ArraySlice<UInt8>, _ smmu: String, _ line: TextLines.Line) {
            let words = message.split(whereSeparator: TextLines.isBlank)
            if words.count == 3, words[0].elementsEqual("event".utf8),
                words[2].elementsEqual("received:".utf8),
                let number = TextLines.prefixedHex(words[1]).flatMap(UInt8.init(exactly:))
            {
                let (name, cause) = SMMUFault.event(number: number)
                add(SMMUFault(.armSMMUv3, smmu: smmu, line: line.number, event: name, cause: cause))
                open[smmu]?.wordsExpected = 4
            } else if words.count == 1, let word = TextLines.prefixedHex(words[0]), takeWord(word, smmu) {
                return
            } else if words.count > 2, words[0].elementsEqual("event:".utf8) {
                takeDecoded(TextLines.string(words[1]), FaultFields(message), smmu, line)
            } else if words.count > 3, ["priv", "unpriv"].contains(TextLines.string(words[0])) {
                change(smmu) { fault in
                    fault.isInstruction = words[1].elementsEqual("inst".utf8)
                    fault.isWrite = words[2].elementsEqual("write".utf8)
                    fault.stage = words[3].elementsEqual("s2".utf8) ? 2 : 1
                }
            } else {
                other(line)
            }
        }

        /// One of the four words behind "event ... received:".
        private mutating func takeWord(_ word: UInt64, _ smmu: String) -> Bool {
            guard var state = open[smmu], state.words.count < state.wordsExpected else { return false }
            state.words.append(word)
            open[smmu] = state
            change(smmu) { $0.apply(eventWords: state.words) }
            return true
        }

        /// `event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x8090040 ipa: 0x0`, alone or
        /// behind the words of the same event.
        private mutating func takeDecoded(
            _ name: String, _ fields: FaultFields, _ smmu: String, _ line: TextLines.Line
        ) {
            let stream = fields.u32("sid")
            let isContinued =
                open[smmu]?.index.map { index in
                    let fault = content.faults[index]
                    return fault.event == name && fault.client == nil && open[smmu]?.wordsExpected == 4
                        && (fault.streamID == nil || fault.streamID == stream)
                } ?? false
            if !isContinued {
                let number = SMMUFault.eventNumber(named: name)
                add(
                    SMMUFault(
                        .armSMMUv3, smmu: smmu, line: line.number, event: name,
                        cause: number.map { SMMUFault.event(number: $0).cause } ?? .other))
            }
            change(smmu) { fault in
                fault.streamID = stream ?? fault.streamID
                if let substream = fields.u32("ssid"), substream != 0 { fault.substreamID = substream }
                if let iova = fields["iova"] { fault.iova = iova }
                // A stream that no driver has claimed is told as "(unassigned sid)".
                if let client = fields.text("client"), !client.hasPrefix("(") { fault.client = client }
            }
        }
    }
}
