// SMMU faults in a kernel log. The drivers print a fault over one to seven lines, between which lines of
// others may stand; lines with the same SMMU name belong together. Formats of Linux 4.4 to 7.2 are read,
// with or without the log's own time stamps.

public import Machines

/// Reads kernel logs.
public enum FaultLog {
    public static let faultsMax = 1_000

    public struct Content: Sendable {
        public var faults: [SMMUFault] = []
        public var linesRead = 0
        /// Lines that say nothing of a fault, and lines like `otherLines` beyond the limit.
        public var linesIgnored = 0
        /// Lines of an SMMU driver that are no fault: lost events, command errors, suppressed messages.
        public var otherLines: [Other] = []
        /// Faults beyond the limit.
        public var faultsDropped = 0
        /// Messages that the kernel says it did not print, because there were too many.
        public var suppressed = 0
        /// The SMMU's own queue ran over: it had more events than the log shows.
        public var eventsLost = false

        public struct Other: Sendable {
            public var line: Int
            public var text: String
            public var kind = Kind.driver
            /// What the line is, where its kind alone does not say it.
            public var note: String?

            public enum Kind: String, CaseIterable, Sendable {
                /// Of an SMMU driver.
                case driver
                /// Messages that were not printed.
                case suppressed
                /// The SMMU's queue of events ran over.
                case eventsLost = "events_lost"
                /// A memory controller, which no SMMU is.
                case memoryController = "memory_controller"
                /// An IOMMU that is no Arm SMMU.
                case otherIOMMU = "other_iommu"
            }
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
        log.finish()
        return log.content
    }

    /// The log so far, with the faults that may be continued.
    struct Reading {
        var content = Content()
        /// By SMMU name: index of its latest fault, and event words that are still to come.
        var open: [String: Open] = [:]
        /// A message that the next line may go on with.
        private var cut: FaultMessage?

        struct Open {
            /// nil for a fault beyond the limit.
            var index: Int?
            var words: [UInt64] = []
            var wordsExpected = 0
        }

        mutating func take(_ line: TextLines.Line) {
            if let whole = cut?.continued(by: line) {
                cut = whole
                if !whole.isCut { finish() }
                return
            }
            finish()
            guard let message = FaultMessage(line, expectsBare: open[""] != nil) else {
                if line.holds("smmu"), line.holds("callbacks suppressed") {
                    other(line.number, line.shown)
                } else {
                    content.linesIgnored += 1
                }
                return
            }
            if message.isCut { cut = message } else { take(message) }
        }

        /// Takes what is left of a message that was waiting for its end.
        mutating func finish() {
            guard let message = cut else { return }
            cut = nil
            take(message)
        }

        private mutating func take(_ message: FaultMessage) {
            switch message.driver {
            case .armSMMU: takeV2(message)
            case .armSMMUv3: takeV3(message)
            }
        }

        mutating func add(_ fault: SMMUFault) {
            guard content.faults.count < FaultLog.faultsMax else {
                content.faultsDropped += 1
                open[fault.smmu] = Open(index: nil)
                return
            }
            content.faults.append(fault)
            open[fault.smmu] = Open(index: content.faults.count - 1)
        }

        mutating func other(_ line: Int, _ text: String) {
            guard content.otherLines.count < FaultLog.faultsMax else {
                content.linesIgnored += 1
                return
            }
            content.otherLines.append(.init(line: line, text: text))
        }

        /// The latest fault of an SMMU.
        func latest(_ smmu: String) -> SMMUFault? { open[smmu]?.index.map { content.faults[$0] } }

        mutating func change(_ smmu: String, _ body: (inout SMMUFault) -> Void) {
            guard let index = open[smmu]?.index else { return }
            body(&content.faults[index])
        }
    }
}
