// The messages of the two drivers. Mirrors drivers/iommu/arm/arm-smmu/arm-smmu.c: arm_smmu_context_fault,
// arm_smmu_print_context_fault_info and arm_smmu_global_fault, and
// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_dump_event, arm_smmu_dump_raw_event and
// arm_smmu_handle_ppr, Linux 7.2, and their older forms; before 6.15 events of an SMMUv3 were raw words
// only.

import Machines

extension FaultLog.Reading {
    mutating func takeV2(_ message: FaultMessage) {
        let fields = FaultFields(message.text[...])
        func starts(_ words: String) -> Bool { message.text.starts(with: Array(words.utf8)) }
        if starts("Unhandled context fault"), let iova = fields["iova"] {
            takeContextFault(iova, fields, message)
        } else if starts("FSR") || starts("FSYNR"), latest(message.smmu)?.event == "context fault" {
            takeDecodedRegister(fields, message)
        } else if starts("Unexpected global fault") {
            add(
                SMMUFault(
                    .armSMMU, smmu: message.smmu, line: message.line, event: "global fault",
                    cause: .configuration))
        } else if starts("Blocked unknown Stream ID") {
            var fault = SMMUFault(
                .armSMMU, smmu: message.smmu, line: message.line, event: "unknown stream",
                cause: .configuration)
            fault.streamID = fields.firstNumber.flatMap(UInt32.init(exactly:))
            add(fault)
        } else if fields.u32("GFSR") != nil {
            takeGlobal(fields, message)
        } else {
            other(message.line, message.shown)
        }
    }

    private mutating func takeContextFault(_ iova: UInt64, _ fields: FaultFields, _ message: FaultMessage) {
        var fault = SMMUFault.contextFault(
            smmu: message.smmu, line: message.line, status: fields.u32("fsr"), iova: iova,
            syndrome: fields.u32("fsynr") ?? fields.u32("fsynr0"), stream: fields.u32("cbfrsynra"))
        fault.registers = ["fsr", "fsynr", "fsynr0", "fsynr1", "cbfrsynra"].compactMap { name in
            fields[name].map { .init(name, $0) }
        }
        // The number of the context bank is decimal.
        if let bank = fields.decimal("cb") { fault.registers.append(.init("cb", bank)) }
        add(fault)
    }

    /// `FSR    = 00000402 [Format=2 TF], SID=0x102` and `FSYNR0 = ...` of newer kernels repeat the registers
    /// in words; the stream may be only there.
    private mutating func takeDecodedRegister(_ fields: FaultFields, _ message: FaultMessage) {
        let words = message.text.split(whereSeparator: TextLines.isBlank)
        let value = words.count > 2 ? TextLines.bareHex(words[2]).flatMap(UInt32.init(exactly:)) : nil
        let isSyndrome = message.text.starts(with: Array("FSYNR0".utf8))
        change(message.smmu) { fault in
            if let stream = fields.u32("SID"), fault.streamID == nil { fault.streamID = stream & 0xffff }
            if let value, isSyndrome, fault.isWrite == nil { fault.apply(contextSyndrome: value) }
            if let value, !isSyndrome, fault.cause == .other { fault.apply(contextStatus: value) }
        }
    }

    /// `GFSR 0x80000002, GFSYNR0 0x00000002, ...`, alone or after the line that says what kind it is.
    private mutating func takeGlobal(_ fields: FaultFields, _ message: FaultMessage) {
        let before = latest(message.smmu)
        if before.map({ ["global fault", "unknown stream"].contains($0.event) && $0.registers.isEmpty })
            != true
        {
            add(
                SMMUFault(
                    .armSMMU, smmu: message.smmu, line: message.line, event: "global fault",
                    cause: .configuration))
        }
        change(message.smmu) { fault in
            if let syndrome = fields.u32("GFSYNR0"), let stream = fields.u32("GFSYNR1") {
                fault.apply(globalSyndrome: syndrome, stream)
            }
            fault.registers = ["GFSR", "GFSYNR0", "GFSYNR1", "GFSYNR2"].compactMap { name in
                fields[name].map { .init(name, $0) }
            }
        }
    }
}

extension FaultLog.Reading {
    private static let wordsOfEvent = 4

    mutating func takeV3(_ message: FaultMessage) {
        let words = message.text.split(whereSeparator: TextLines.isBlank)
        func word(_ place: Int) -> String { words.count > place ? TextLines.string(words[place]) : "" }
        if words.count == 3, word(0) == "event", word(2) == "received:",
            let number = TextLines.prefixedHex(words[1]).flatMap(UInt8.init(exactly:))
        {
            let (name, cause) = SMMUFault.event(number: number)
            add(SMMUFault(.armSMMUv3, smmu: message.smmu, line: message.line, event: name, cause: cause))
            open[message.smmu]?.wordsExpected = Self.wordsOfEvent
        } else if words.count == 1, let number = TextLines.prefixedHex(words[0]),
            takeWord(number, message.smmu)
        {
            return
        } else if words.count > 2, word(0) == "event:" {
            takeDecoded(word(1), message)
        } else if words.count > 3, ["priv", "unpriv"].contains(word(0)), latest(message.smmu) != nil {
            takeAccess(word(1), word(2), word(3), message)
        } else if message.text.starts(with: Array("unexpected PRI request".utf8)) {
            open[message.smmu] = Open(index: nil)
        } else if word(0) == "sid", message.text.contains(Array(" iova ".utf8)) {
            takePageRequest(words, message)
        } else {
            // The words after "skipping command in error state:" are a command's.
            if word(0) == "skipping" { open[message.smmu]?.wordsExpected = 0 }
            other(message.line, message.shown)
        }
    }

    /// One of the four words after "event ... received:".
    private mutating func takeWord(_ word: UInt64, _ smmu: String) -> Bool {
        guard var state = open[smmu], state.words.count < state.wordsExpected else { return false }
        state.words.append(word)
        open[smmu] = state
        change(smmu) { $0.apply(eventWords: state.words) }
        return true
    }

    /// `event: F_TRANSLATION client: 0000:00:01.0 sid: 0x8 ssid: 0x0 iova: 0x8090040 ipa: 0x0`, alone or
    /// after the words of the same event. Events without a name are UNKNOWN there.
    private mutating func takeDecoded(_ name: String, _ message: FaultMessage) {
        let (smmu, fields) = (message.smmu, FaultFields(message.text[...]))
        let stream = fields.u32("sid")
        let isContinued =
            latest(smmu).map { fault in
                (fault.event == name || name == "UNKNOWN") && fault.client == nil
                    && open[smmu]?.wordsExpected == Self.wordsOfEvent
                    && (fault.streamID == nil || fault.streamID == stream)
            } ?? false
        if !isContinued {
            let number = SMMUFault.eventNumber(named: name)
            add(
                SMMUFault(
                    .armSMMUv3, smmu: smmu, line: message.line, event: name,
                    cause: number.map { SMMUFault.event(number: $0).cause } ?? .other))
        }
        // What comes now is about the next event.
        open[smmu]?.wordsExpected = 0
        change(smmu) { fault in
            fault.streamID = stream ?? fault.streamID
            if let substream = fields.u32("ssid"), substream != 0 { fault.substreamID = substream }
            if let iova = fields["iova"] { fault.iova = iova }
            if let address = fields["ipa"], address != 0 { fault.intermediate = address }
            // A stream that no driver has claimed is printed as "(unassigned sid)".
            if let client = fields.text("client"), !client.hasPrefix("(") { fault.client = client }
        }
    }

    /// `unpriv data write s1 "Input address caused fault" stag: 0x0`
    private mutating func takeAccess(
        _ what: String, _ access: String, _ stage: String, _ message: FaultMessage
    ) {
        let classes: [(words: String, value: SMMUFault.Transaction)] = [
            ("CD fetch", .contextDescriptor), ("translation table fetch", .translationTable),
            ("Input address", .inputAddress),
        ]
        let found = classes.first { message.text.contains(Array($0.words.utf8)) }?.value
        change(message.smmu) { fault in
            fault.isInstruction = what == "inst"
            fault.isWrite = access == "write"
            fault.stage = stage == "s2" ? 2 : 1
            fault.transaction = found ?? fault.transaction
        }
    }

    /// `sid 0x00000008.0x00000: [0L] unprivileged RW access at iova 0x0000000008000040`
    private mutating func takePageRequest(_ words: [ArraySlice<UInt8>], _ message: FaultMessage) {
        let ids = words[1].split { $0 == 0x2e || $0 == 0x3a }.map(TextLines.prefixedHex)
        guard let place = words.firstIndex(where: { $0.elementsEqual("iova".utf8) }), place + 1 < words.count,
            let iova = TextLines.prefixedHex(words[place + 1]), let first = ids.first, let stream = first
        else { return other(message.line, message.shown) }
        var fault = SMMUFault(
            .armSMMUv3, smmu: message.smmu, line: message.line, event: "PRI request", cause: .pageRequest)
        fault.iova = iova
        fault.streamID = UInt32(truncatingIfNeeded: stream)
        if ids.count > 1, let substream = ids[1], substream != 0 {
            fault.substreamID = UInt32(truncatingIfNeeded: substream)
        }
        add(fault)
    }
}
