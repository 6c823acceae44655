// Events of an SMMUv3: a header and four words, and since Linux 6.15 the same in words. Mirrors
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_dump_event, arm_smmu_dump_raw_event and
// arm_smmu_handle_ppr, Linux 7.2, and their older forms; Xen's driver prints the header and the words.

import Machines

extension FaultForm {
    /// `event 0x10 received:`, and words of it on the same line.
    static let eventHeader = FaultForm(driver: .armSMMUv3, openings: [BootLogPhrase.event.rawValue]) {
        reading, message in
        let words = message.words
        guard words.count >= 2, words[0].elementsEqual("event".utf8),
            let number = TextLines.prefixedHex(words[1]).flatMap(UInt8.init(exactly:))
        else { return false }
        let (name, cause) = SMMUFault.event(number: number)
        let fault = SMMUFault(
            .armSMMUv3, smmu: message.smmu, line: message.line, event: name, cause: cause)
        let isWhole = words.count > 2 && words[2].starts(with: "received:".utf8)
        reading.add(fault, message) {
            $0.record = EventRecord(number: number)
            $0.isTentative = !isWhole
        }
        let areTaken = reading.takeWords(words[(isWhole ? 3 : 2)...], message.smmu)
        if message.continuations > 0, areTaken {
            reading.changeOpen(message.smmu) { $0.record?.isJoined = true }
        }
        return true
    }

    /// The words after "event ... received:", one a line or several.
    static let eventWords = FaultForm(driver: .armSMMUv3, continuations: ["0x"]) { reading, message in
        let words = message.words
        // The words after "skipping command in error state:" are a command's.
        if message.starts(.skippedCommand) { reading.end(message.smmu) }
        guard let first = words.first, first.starts(with: "0x".utf8) || first.count >= 8 else { return false }
        if !message.isBare { reading.changeOpen(message.smmu) { $0.record?.noteMessage() } }
        return reading.takeWords(words[...], message.smmu)
    }

    /// `event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x8090040 ipa: 0x0`, alone or
    /// after the words of the same event. Events without a name are UNKNOWN there.
    static let decodedEvent = FaultForm(
        driver: .armSMMUv3,
        openings: ["event: F_", "event: C_", "event: E_", "event: UNKNOWN client: "]
    ) { reading, message in
        guard message.starts("event:"), message.words.count > 2 else { return false }
        let name = TextLines.string(message.words[1].prefix(32))
        guard name == "UNKNOWN" || ["C_", "F_", "E_"].contains(where: name.hasPrefix) else { return false }
        reading.takeDecoded(name, message)
        return true
    }

    /// `unpriv data write s1 "Input address caused fault" stall stag: 0x176`
    static let access = FaultForm(driver: .armSMMUv3, continuations: ["priv ", "unpriv "]) {
        reading, message in
        let words = message.words.map { TextLines.string($0.prefix(16)) }
        // Drivers print it for these alone, and once: another is of an event whose own line was lost.
        guard words.count > 2, ["priv", "unpriv"].contains(words[0]),
            let fault = reading.latest(message.smmu), reading.open[message.smmu]?.isDescribed == false,
            SMMUFault.eventNumber(named: fault.event).map(SMMUFault.mayStall) == true
        else { return false }
        let classes: [(words: String, value: SMMUFault.Transaction)] = [
            ("CD fetch", .contextDescriptor), ("translation table fetch", .translationTable),
            ("Input address", .inputAddress),
        ]
        let found = classes.first { message.holds($0.words) }?.value
        let isWhole = words.contains("stag:")
        reading.settleWords(of: message.smmu)
        reading.changeOpen(message.smmu) { $0.isDescribed = true }
        reading.change(message.smmu) { fault in
            if ["inst", "data"].contains(words[1]) { fault.settle(\.isInstruction, words[1] == "inst") }
            if ["read", "write"].contains(words[2]) { fault.settle(\.isWrite, words[2] == "write") }
            if words.count > 3, ["s1", "s2"].contains(words[3]) {
                fault.settle(\.stage, words[3] == "s2" ? 2 : 1)
            }
            fault.settle(\.transaction, found)
            if isWhole { fault.settle(\.isStalled, words.contains("stall")) }
        }
        return true
    }

    /// Of "0x00000008.0x00000:".
    private static let requestIDBytes = 19

    /// `sid 0x00000008.0x00000: [0L] unprivileged RW access at iova 0x0000000008000040`
    static let pageRequest = FaultForm(
        driver: .armSMMUv3, openings: [FaultOpening.pageRequest.whole], continuations: ["sid 0x"]
    ) { reading, message in
        if message.starts(.pageRequest) {
            reading.expectMore(message)
            return true
        }
        let words = message.words
        guard message.starts("sid "), words.count > 1 else { return false }
        let isWhole = words[1].last == 0x3a && words[1].count == requestIDBytes
        guard isWhole || message.holds("privileged") else { return false }
        let place = words.firstIndex { $0.elementsEqual("iova".utf8) } ?? words.count
        // With all its zeros, or else it was broken.
        let digits = place + 1 < words.count ? words[place + 1] : []
        let iova = digits.count == 18 ? TextLines.prefixedHex(digits) : nil
        let ids = words[1].split { $0 == 0x2e || $0 == 0x3a }.map(TextLines.prefixedHex)
        guard let first = ids.first, let stream = first else { return false }
        var fault = SMMUFault(
            .armSMMUv3, smmu: message.smmu, line: message.line, event: "PRI request", cause: .pageRequest)
        fault.iova = iova
        fault.isIncomplete = iova == nil
        fault.streamID = UInt32(truncatingIfNeeded: stream)
        if ids.count > 1, let substream = ids[1], substream != 0 {
            fault.substreamID = UInt32(truncatingIfNeeded: substream)
        }
        reading.insert(fault, message)
        return true
    }
}

extension FaultMessage {
    private static let labels: Set<String> = ["client:", "sid:", "ssid:", "iova:", "ipa:", "fetch_addr:"]

    /// The text of a decoded event up to where another message stands behind it: its words are labels and
    /// what they label, of which one may be lost.
    fileprivate var decodedFields: ArraySlice<UInt8> {
        let words = words
        func isLabel(_ at: Int) -> Bool {
            at < words.count && Self.labels.contains(TextLines.string(words[at].prefix(16)))
        }
        var at = 2
        while at < words.count {
            if isLabel(at) {
                at += isLabel(at + 1) ? 1 : 2
            } else if isLabel(at + 1) || words[at].first == 0x28 || words[at].elementsEqual("sid)".utf8) {
                at += 1
            } else {
                break
            }
        }
        return at < words.count ? text[..<words[at].startIndex] : text[...]
    }
}

extension FaultLog.Reading {
    /// Takes pieces of words; false when one is something else, or is more than its event has.
    fileprivate mutating func takeWords(_ words: ArraySlice<ArraySlice<UInt8>>, _ smmu: String) -> Bool {
        // A mail that was filled again may have a part of the next stamp behind a word.
        var pieces: [EventRecord.Piece] = []
        var digits = EventRecord.digitsOfWord
        for word in words {
            guard let piece = EventRecord.Piece(word) else { break }
            let isStart = piece.isPrefixed || digits >= EventRecord.digitsOfWord
            if isStart, !piece.isPrefixed, piece.digits < EventRecord.digitsOfHalfMin { break }
            digits = isStart ? piece.digits : digits + piece.digits
            pieces.append(piece)
        }
        let isAll = pieces.count == words.count || digits == EventRecord.digitsOfWord
        guard isAll, !pieces.isEmpty, latest(smmu) != nil else { return false }
        var isTaken = true
        changeOpen(smmu) { open in
            for piece in pieces { isTaken = open.record?.take(piece) == true && isTaken }
        }
        return isTaken
    }

    /// Takes over what the words of an SMMU's latest event say, as far as they have come.
    mutating func settleWords(of smmu: String) {
        guard let record = open[smmu]?.record, !record.isOver, !record.isEmpty else { return }
        let words = record.words
        changeOpen(smmu) { $0.record?.isOver = true }
        change(smmu) { fault in
            fault.apply(eventWords: words.sure)
            if !words.isWhole { fault.isIncomplete = true }
        }
    }

    fileprivate mutating func takeDecoded(_ name: String, _ message: FaultMessage) {
        let (smmu, fields) = (message.smmu, FaultFields(message.decodedFields))
        let hadWords = open[smmu]?.record?.isEmpty == false
        let isAwaited = open[smmu]?.record?.isOver == false
        settleWords(of: smmu)
        let stream = fields.u32("sid")
        if !isAwaited || !isContinued(name, stream, fields["iova"], smmu) {
            let number = SMMUFault.eventNumber(named: name)
            let cause = number.map { SMMUFault.event(number: $0).cause } ?? .other
            add(SMMUFault(.armSMMUv3, smmu: smmu, line: message.line, event: name, cause: cause), message)
        }
        // What comes now is about the next event.
        changeOpen(smmu) { $0.record?.isOver = true }
        change(smmu) { fault in
            if message.isCut, !hadWords || fault.isIncomplete { fault.isIncomplete = true }
            fault.settle(\.streamID, stream)
            if let substream = fields.u32("ssid"), substream != 0 || hadWords && fault.substreamID != nil {
                fault.settle(\.substreamID, substream)
            }
            fault.settle(\.iova, fields["iova"])
            if let address = fields["ipa"], address != 0, fault.intermediate == nil {
                fault.intermediate = address
            }
            // A stream that no driver has claimed is printed as "(unassigned sid)".
            if let client = fields.text("client"), !client.hasPrefix("("), client != "sid)",
                !client.hasSuffix(":")
            {
                fault.client = client
            }
        }
    }

    /// Whether a decoded event is the one whose words have just come: of name, stream and address, one may
    /// be mangled, but not more.
    private func isContinued(_ name: String, _ stream: UInt32?, _ iova: UInt64?, _ smmu: String) -> Bool {
        guard let fault = latest(smmu), fault.event == name || name == "UNKNOWN" else { return false }
        let isOtherStream = fault.streamID != nil && stream != nil && fault.streamID != stream
        let isOtherAddress = fault.iova != nil && iova != nil && fault.iova != iova
        return !(isOtherStream && (isOtherAddress || fault.iova == nil))
    }
}
