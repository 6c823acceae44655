// Failed maps in what VMMs, libraries and the kernel print. One failure is often told twice, by the call and
// by its caller, and the same one again at every try: such lines become one item with a count. Lines that
// report nothing of it are skipped and counted.

import AddressSpaces
public import Machines

/// Reads texts with messages of failed maps.
public enum MapFailureLog {
    public static let failuresMax = 1_000

    public struct Content: Sendable {
        public var failures: [MapFailure] = []
        public var linesRead = 0
        public var linesIgnored = 0
        /// Failures beyond the limit.
        public var failuresDropped = 0
        /// What was taken away around the lines.
        public var findings: [Finding] = []
    }

    /// The failures of a text in the order in which each was first reported.
    ///
    /// Complexity: O(n).
    public static func read(_ text: [UInt8]) throws(TextError) -> Content {
        var reading = Reading()
        let clean = CleanText(text, stamps: .kept)
        reading.content.findings = clean.findings
        reading.content.linesRead = clean.linesSkipped
        reading.content.linesIgnored = clean.linesSkipped
        for line in clean.lines where !line.isBlank {
            reading.content.linesRead += 1
            guard reading.content.linesRead <= TextLimits.linesMax else {
                throw TextError.tooManyLines(line.number)
            }
            reading.take(line)
        }
        reading.finish()
        return reading.content
    }

    /// Whether a line reports a failed map.
    static func isLine(_ line: TextLines.Line) -> Bool { MapMessage(line)?.isTelling == true }

    /// What makes two reports one failure.
    private struct Key: Hashable {
        let action: MapFailure.Action
        let iova: UInt64?
        let size: UInt64?
        let errorNumber: Int?
        /// Of messages without an address, the call and the limit tell them apart.
        let call: String?
        let limit: UInt64?

        init(_ failure: MapFailure) {
            action = failure.action
            iova = failure.iova
            size = failure.size
            errorNumber = failure.errorNumber
            call = failure.iova == nil ? failure.call : nil
            limit = failure.iova == nil ? failure.lockedMemoryLimit : nil
        }
    }

    private struct Reading {
        var content = Content()
        private var places: [Key: Int] = [:]
        /// A message that the next line may go on with.
        private var cut: MapMessage?
        /// A report without an address, which the next one may bring.
        private var bare: MapFailure?
        /// The failure with an address that was reported last, and where that report ended.
        private var latest: (place: Int, line: Int)?

        /// Lines between two reports of one failure.
        private static let linesBetweenMax = 4

        mutating func take(_ line: TextLines.Line) {
            if let whole = cut?.continued(by: line) {
                cut = whole
                if !whole.isCut { finishCut() }
                return
            }
            finishCut()
            guard let message = MapMessage(line), message.isTelling || message.isCut else {
                if !takeRemark(line) { content.linesIgnored += 1 }
                return
            }
            if message.isCut { cut = message } else { add(message.failure) }
        }

        /// QEMU's remark that the failure just reported is of a BAR.
        private mutating func takeRemark(_ line: TextLines.Line) -> Bool {
            func isNear(_ end: Int) -> Bool { line.number - end <= Self.linesBetweenMax }
            func mayBeMeant(_ failure: MapFailure) -> Bool {
                failure.action == .map && [.qemu, .unknown].contains(failure.program)
            }
            func remark(_ failure: inout MapFailure) {
                failure.bar = .leftOut
                failure.device = failure.device ?? MapMessage.pciAddress(in: line.bytes.prefix(80))
                failure.lastLine = line.number
            }
            if let before = bare, isNear(before.lastLine), mayBeMeant(before) {
                guard MapMessage.isRemarkOnBAR(line.bytes) else { return false }
                remark(&bare!)
                return true
            }
            guard let (place, end) = latest, isNear(end), mayBeMeant(content.failures[place]),
                MapMessage.isRemarkOnBAR(line.bytes)
            else { return false }
            remark(&content.failures[place])
            return true
        }

        /// Takes what was waiting for more.
        mutating func finish() {
            finishCut()
            finishBare()
        }

        private mutating func finishCut() {
            guard let message = cut else { return }
            cut = nil
            if message.isTelling { add(message.failure) } else { content.linesIgnored += 1 }
        }

        /// A report that got no address belongs to the failure before it, if it fits; or is one of its own.
        private mutating func finishBare() {
            guard let failure = bare else { return }
            bare = nil
            if let (place, line) = latest, failure.line - line <= Self.linesBetweenMax,
                content.failures[place].maybeIs(failure)
            {
                content.failures[place].takeOver(failure)
                content.failures[place].lastLine = failure.lastLine
            } else {
                commit(failure)
            }
        }

        private mutating func add(_ failure: MapFailure) {
            var failure = failure
            if let before = bare, failure.line - before.lastLine <= Self.linesBetweenMax,
                failure.iova != nil || failure.call != before.call, before.maybeIs(failure)
            {
                failure.takeOver(before)
                failure.line = before.line
                bare = nil
            }
            finishBare()
            if failure.iova == nil {
                bare = failure
            } else {
                latest = commit(failure).map { ($0, failure.lastLine) }
            }
        }

        /// The place of the failure; nil where there is no room.
        @discardableResult
        private mutating func commit(_ failure: MapFailure) -> Int? {
            if let place = places[Key(failure)] {
                content.failures[place].count += 1
                content.failures[place].lastLine = failure.lastLine
                content.failures[place].takeOver(failure)
                return place
            }
            guard content.failures.count < MapFailureLog.failuresMax else {
                content.failuresDropped += 1
                return nil
            }
            content.failures.append(failure)
            places[Key(failure)] = content.failures.count - 1
            return content.failures.count - 1
        }
    }
}

extension MapFailure {
    /// Whether the other may be another report of the same failure: nothing in the two contradicts.
    fileprivate func maybeIs(_ other: MapFailure) -> Bool {
        func agree<Fact: Equatable>(_ fact: KeyPath<MapFailure, Fact?>) -> Bool {
            self[keyPath: fact] == nil || other[keyPath: fact] == nil
                || self[keyPath: fact] == other[keyPath: fact]
        }
        let isOfOne =
            program == other.program
            || [program, other.program].contains { $0 == .kernel || $0 == .unknown }
        return isOfOne && action == other.action && agree(\.errorNumber) && agree(\.device)
            && agree(\.group) && agree(\.reason) && agree(\.lockedMemoryLimit)
    }

    /// Takes what another report of the same failure knows besides.
    fileprivate mutating func takeOver(_ other: MapFailure) {
        if program == .unknown || program == .kernel && other.program != .unknown { program = other.program }
        space = space ?? other.space
        reason = reason ?? other.reason
        architecture = architecture ?? other.architecture
        errorNumber = errorNumber ?? other.errorNumber
        userAddress = userAddress ?? other.userAddress
        region = region ?? other.region
        device = device ?? other.device
        group = group ?? other.group
        lockedMemoryLimit = lockedMemoryLimit ?? other.lockedMemoryLimit
        reserved = reserved ?? other.reserved
        bar = [bar, other.bar].contains(.leftOut) ? .leftOut : bar ?? other.bar
        isIncomplete = isIncomplete && other.isIncomplete
    }
}
