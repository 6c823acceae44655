// The log so far. Lines with the same SMMU's name belong together until the next fault of that SMMU begins;
// then the fault is complete, and is folded into the one that says the same.

import Machines

extension FaultLog {
    /// The log so far, with the faults that may be continued.
    struct Reading {
        var content = Content()
        /// By SMMU name, its latest fault.
        private(set) var open: [String: Open] = [:]
        /// The faults of `content` by what they say.
        private var places: [SMMUFault: Int] = [:]
        /// A message that the next line may go on with.
        private var cut: FaultMessage?
        /// A driver's name at the end of a line.
        private var tail: (name: ArraySlice<UInt8>, line: Int)?

        /// The line before was another program's and ends where its message begins: what stands bare on this
        /// one may be that message.
        private var followsHeading = false

        private static let openMax = 256

        struct Open {
            var fault: SMMUFault?
            var repeats = 1
            /// The words of an event that are still to come.
            var record: EventRecord?
            /// Its first line had no driver's name, so that others may have none.
            var isBare = false
            /// Only half of an event's header: a fault where something of the event follows.
            var isTentative = false
            /// A line has told how the transaction accessed.
            var isDescribed = false
            /// Registers that its kernel always prints, and that have not come.
            var missing: Set<String> = []
        }

        mutating func take(_ line: TextLines.Line) {
            let begun = tail?.line
            let (line, isJoined) = joined(line)
            // What follows a driver's name without its device is of nobody knows which.
            if begun != nil, !isJoined { flush() }
            let mayBeBare = !followsHeading
            followsHeading = false
            let expectsBare = mayBeBare && open[""]?.isBare == true
            var parts = FaultLine(line, expectsBare: expectsBare, firstLine: isJoined ? begun : nil)
            var isContinued = false
            if let message = cut {
                if let whole = message.continued(by: parts.head) {
                    isContinued = true
                    cut = whole
                    if !whole.isCut || !parts.isBare { flush() }
                    if parts.isBare {
                        tail = parts.tail.map { ($0, line.number) }
                        return
                    }
                } else {
                    flush()
                }
            }
            if !isContinued, let message = parts.headMessage { take(message) }
            // What was waiting a moment ago may make a bare line a message.
            if mayBeBare, !expectsBare, open[""]?.isBare == true {
                parts = FaultLine(line, expectsBare: true)
            }
            takeMessages(of: parts, line)
        }

        /// The line with the driver's name that stood alone at the end of the one before.
        private mutating func joined(_ line: TextLines.Line) -> (line: TextLines.Line, isJoined: Bool) {
            guard let name = tail?.name else { return (line, false) }
            tail = nil
            let more = FaultStamp.withoutColours(line.bytes).drop { TextLines.isBlank($0) || $0 == 0x3e }
            guard FaultMark.startsWithDevice(more) else { return (line, false) }
            let whole = TextLines.Line(
                number: line.number, bytes: name + [0x20] + more, isUnended: line.isUnended)
            return (whole, true)
        }

        private mutating func takeMessages(of parts: FaultLine, _ line: TextLines.Line) {
            tail = parts.tail.map { ($0, line.number) }
            guard let last = parts.messages.last else {
                if tail == nil {
                    notice(line)
                    followsHeading = FaultStamp.trimmed(line.bytes).last == 0x3a
                }
                return
            }
            for message in parts.messages.dropLast() { take(message) }
            if last.isCut { cut = last } else { take(last) }
        }

        private mutating func flush() {
            guard let message = cut else { return }
            cut = nil
            take(message)
        }

        /// Takes what is left of messages and faults that were waiting for their end.
        mutating func finish() {
            flush()
            closeAll()
            content.faults = content.faults.enumerated()
                .sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
        }

        private mutating func take(_ message: FaultMessage) {
            if notice(message) { return }
            for form in FaultForm.all where form.driver == message.driver {
                if form.take(&self, message) { return }
            }
            // The start of a fault that nobody can read: its other lines are not those of the one before.
            if FaultPhrase.isOpening(message) { end(message.smmu) }
            other(message.line, message.shown)
        }

        // MARK: Faults

        /// Begins a fault of an SMMU, which ends the one before.
        mutating func add(
            _ fault: SMMUFault, _ message: FaultMessage, _ change: (inout Open) -> Void = { _ in }
        ) {
            close(fault.smmu)
            if open.count >= Self.openMax { closeAll() }
            var begun = Open(fault: stamped(fault, message), repeats: message.repeats)
            begun.isBare = message.isBare
            change(&begun)
            open[fault.smmu] = begun
        }

        /// Takes a fault of one line, whatever else its SMMU has begun to say.
        mutating func insert(_ fault: SMMUFault, _ message: FaultMessage) {
            fold(stamped(fault, message), message.repeats)
        }

        private func stamped(_ fault: SMMUFault, _ message: FaultMessage) -> SMMUFault {
            var fault = fault
            if fault.format == .linux { fault.format = message.format }
            (fault.firstTime, fault.lastTime) = (message.time, message.time)
            return fault
        }

        /// Lets a message without a name go on with one that had none.
        mutating func expectMore(_ message: FaultMessage) {
            if open[message.smmu] == nil { open[message.smmu] = Open(isBare: message.isBare) }
        }

        /// The latest fault of an SMMU.
        func latest(_ smmu: String) -> SMMUFault? { open[smmu]?.fault }

        mutating func change(_ smmu: String, _ body: (inout SMMUFault) -> Void) {
            guard open[smmu]?.fault != nil else { return }
            body(&open[smmu]!.fault!)
        }

        mutating func changeOpen(_ smmu: String, _ body: (inout Open) -> Void) {
            guard open[smmu] != nil else { return }
            body(&open[smmu]!)
        }

        private mutating func closeAll() {
            for smmu in open.keys.sorted() { close(smmu) }
            open.removeAll()
        }

        /// What comes now of an SMMU belongs to none of its faults so far.
        mutating func end(_ smmu: String) { close(smmu) }

        private mutating func close(_ smmu: String) {
            settleWords(of: smmu)
            guard var closed = open.removeValue(forKey: smmu), var fault = closed.fault.take() else { return }
            let isBare = closed.record?.isOver == false
            if isBare && closed.isTentative { return }
            if isBare || !closed.missing.isEmpty { fault.isIncomplete = true }
            fold(fault, closed.repeats)
        }

        /// Adds a fault, or counts it where the log has the same already.
        private mutating func fold(_ fault: SMMUFault, _ repeats: Int) {
            let key = fault.withoutOccasion
            if let place = places[key] {
                content.faults[place].count += repeats
                content.faults[place].lastLine = fault.line
                content.faults[place].lastTime = fault.lastTime
            } else if content.faults.count < FaultLog.faultsMax {
                places[key] = content.faults.count
                content.faults.append(fault)
                content.faults[content.faults.count - 1].count = repeats
            } else {
                content.faultsDropped += 1
            }
        }
    }
}

extension SMMUFault {
    /// The fault without when and where it was logged. Of the registers, a context bank's number says more
    /// than the fields do, whose the fault is where the kernel prints no stream; and the bits of a global
    /// fault or error, what it is.
    fileprivate var withoutOccasion: SMMUFault {
        var fault = self
        (fault.line, fault.lastLine, fault.count) = (0, 0, 1)
        (fault.firstTime, fault.lastTime) = (nil, nil)
        fault.registers = registers.compactMap { register in
            switch register.name {
            case "cb", "gerror": register
            // Without MULTI, which says that there was another.
            case "GFSR": Register(register.name, register.value & ~(1 << 31))
            default: nil
            }
        }
        return fault
    }

    /// Takes over what another line says of a field. Where two lines disagree, neither is believed.
    mutating func settle<Value: Equatable>(_ field: WritableKeyPath<SMMUFault, Value?>, _ value: Value?) {
        guard let value else { return }
        if let known = self[keyPath: field], known != value {
            self[keyPath: field] = nil
            isIncomplete = true
        } else {
            self[keyPath: field] = value
        }
    }
}
