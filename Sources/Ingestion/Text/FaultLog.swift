// SMMU faults in a kernel log. The drivers print a fault over one to seven lines, between which lines of
// others may stand; lines with the same SMMU name belong together. Formats of Linux 4.4 to 7.2, of Qualcomm's
// and NVIDIA's kernels and of Xen are read, with or without the log's own time stamps.

public import Machines

/// Reads kernel logs.
public enum FaultLog {
    public static let faultsMax = 1_000
    /// More than of other texts: what is kept does not grow with the lines, and storms of faults are long.
    public static let linesMax = 2_000_000

    public struct Content: Sendable {
        /// Each once, however often the log has it, in the order of its first line.
        public var faults: [SMMUFault] = []
        public var linesRead = 0
        /// Lines that say nothing of a fault, and lines like `otherLines` beyond the limit.
        public var linesIgnored = 0
        /// Lines of an SMMU driver that are no fault: lost events, command errors, suppressed messages. And
        /// faults of units that are no Arm SMMU.
        public var otherLines: [Other] = []
        /// Faults beyond the limit.
        public var faultsDropped = 0
        /// Messages that the kernel says it did not print, because there were too many.
        public var suppressed = 0
        /// There were more faults than the SMMU's queue or its registers could hold.
        public var eventsLost = false
        /// What was taken away around the log's lines.
        public var findings: [Finding] = []

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

        /// The first line of a unit that is no Arm SMMU, as a sentence; nil when there is none.
        public var foreign: String? {
            otherLines.first { $0.note != nil }.flatMap { other in
                other.note.map { "Line \(other.line): \($0)" }
            }
        }
    }

    /// The faults of a log in its order.
    public static func read(_ text: [UInt8]) throws(TextError) -> Content {
        try read(text, linesMax: linesMax)
    }

    static func read(_ text: [UInt8], linesMax: Int) throws(TextError) -> Content {
        var log = Reading()
        let clean = CleanText(text, stamps: .kept)
        log.content.findings = clean.findings
        log.content.linesRead = clean.linesSkipped
        log.content.linesIgnored = clean.linesSkipped
        for line in clean.lines where !line.isBlank {
            log.content.linesRead += 1
            guard log.content.linesRead <= linesMax else {
                throw TextError.tooManyLines(line.number, linesMax)
            }
            log.take(line)
        }
        log.finish()
        return log.content
    }
}
