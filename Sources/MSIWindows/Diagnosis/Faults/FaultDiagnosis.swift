// From a fault to its explanation: what the log rules out, then which of the known shapes of an MSI the
// address has, from the surest to the least sure. "No" is said only where the log rules an MSI out.

import AddressSpaces
public import Machines

extension FaultExplanation {
    /// Streams for which a platform is searched, in one call; faults of more are explained as bare lines.
    public static let scenesMax = 64

    /// Explains faults, in their order. A storm of faults of one stream costs little more than one.
    public static func explain(_ faults: [SMMUFault], _ question: FaultQuestion) -> [FaultExplanation] {
        struct Stream: Hashable {
            let smmu: String
            let id: UInt32?
            let client: String?
        }
        var bare = question
        bare.platform = nil
        let reported = question.ifReported
        var scenes: [Stream: FaultScene] = [:]
        var otherScenes: [Stream: FaultScene] = [:]
        let named = faults.filter { ConfigurationEvent.isNamedError($0) }
        return faults.map { fault in
            let stream = Stream(smmu: fault.smmu, id: fault.streamID, client: fault.client)
            let isBare = scenes[stream] == nil && scenes.count >= scenesMax
            var scene = scenes[stream] ?? FaultScene(fault, isBare ? bare : question)
            scene.fault = fault
            if !isBare { scenes[stream] = scene }
            var explanation = explain(fault, scene)
            if let reported, !isBare {
                var scene = otherScenes[stream] ?? FaultScene(fault, reported.question)
                scene.fault = fault
                otherScenes[stream] = scene
                explanation.add(reported.regions, explain(fault, scene))
            }
            explanation.refer(to: named)
            if isBare, question.platform != nil {
                explanation.because +=
                    " The log has faults of more than \(scenesMax) streams; this one was not looked up on the platform."
            }
            return explanation
        }
    }

    /// Lines between two complaints that are told as one trouble.
    private static let linesApartMax = 32

    /// Several complaints of one command queue are one trouble: the nearest that says which is referred to.
    private mutating func refer(to named: [SMMUFault]) {
        guard fault.cause == .commandQueue, !ConfigurationEvent.isNamedError(fault),
            ConfigurationEvent(fault) != .globalError
        else { return }
        func distance(_ other: SMMUFault) -> Int { abs(other.line - fault.line) }
        let near = named.filter { $0.smmu == fault.smmu && distance($0) <= Self.linesApartMax }
        guard let cause = near.min(by: { distance($0) < distance($1) }) else { return }
        because += " Line \(cause.line) names the cause: \(cause.event)."
        changes = ["Follow the steps of line \(cause.line). Both lines have the same cause."]
    }

    private static func explain(_ fault: SMMUFault, _ scene: FaultScene) -> FaultExplanation {
        var explanation = ruledOut(fault, scene) ?? verdict(fault, scene)
        // What the machine's doorbells and windows make sure is not sure of a log that is hardly its own.
        if scene.stranger != nil, explanation.isMSI == .yes { explanation.isMSI = .likely }
        explanation.smmu = scene.stranger == nil ? scene.smmu?.id : nil
        explanation.devices = scene.deviceIDs
        explanation.warnings =
            scene.devices.warnings(under: scene.conditions, for: nil) + scene.undecided
        let types = Set(scene.devices.map(\.groupType))
        explanation.groupType = types.count == 1 ? types.first ?? nil : nil
        explanation.because = scene.machineRemark + explanation.because
        if fault.cause != .commandQueue { explanation.because += scene.streamRemark }
        explanation.addFacts(scene)
        explanation.addChanges(scene)
        if !scene.machineRemark.isEmpty {
            explanation.changes.insert(
                "Ask again without a machine, or with what iovad collect prints on the one that the log is of.",
                at: 0)
        }
        return explanation
    }

    /// What the log says without a look at the address; nil where the address decides.
    private static func ruledOut(_ fault: SMMUFault, _ scene: FaultScene) -> FaultExplanation? {
        if fault.cause == .pageRequest {
            return FaultExplanation(
                fault, .notMSI, .no,
                because:
                    "A page request comes from a device that shares page tables; an MSI never causes one.")
        }
        if let event = ConfigurationEvent(fault) {
            // Nothing was refused where only the queue waits, so there was no MSI either.
            return FaultExplanation(
                fault, .noAddress, event.isOfQueue ? .no : .unknown,
                because: event.sentence(fault, scene.streamPhrase))
        }
        guard let iova = fault.faultingAddress else {
            let what =
                fault.isIncomplete
                ? "The record is incomplete: it lacks the address"
                : "\(fault.event) reports no address"
            return FaultExplanation(
                fault, .noAddress, .unknown,
                because: "\(what)\(scene.streamPhrase), so it may or may not have been an MSI.")
        }
        // Only stage 2 can object to what stage 1 needs, and only an abort can hit a walk besides.
        if let what = fault.transaction, what != .inputAddress,
            fault.stage == 2 || fault.cause == .externalAbort
        {
            let table = what == .contextDescriptor ? "the stream's context descriptor" : "a translation table"
            return FaultExplanation(
                fault, .noAddress, .unknown,
                because:
                    "The SMMU could not fetch \(table)\(scene.streamPhrase), so it could not translate "
                    + "\(HexLiteral.text(fault.iova ?? iova)): MSIs and all other DMA that need it fail alike."
            )
        }
        guard fault.isWrite == false || fault.isInstruction == true else { return nil }
        let what = fault.isInstruction == true ? "an instruction fetch" : "a read"
        return FaultExplanation(
            fault, .notMSI, .no,
            because: "It was \(what) of \(HexLiteral.text(iova)); an MSI is a write. "
                + scene.ordinaryPhrase(iova))
    }

    private static func verdict(_ fault: SMMUFault, _ scene: FaultScene) -> FaultExplanation {
        let iova = fault.faultingAddress ?? 0
        return physical(fault, iova, scene) ?? catalogued(fault, iova, scene) ?? inWindow(fault, iova, scene)
            ?? inDMAPage(fault, iova, scene) ?? baseLost(fault, iova, scene) ?? likely(fault, iova, scene)
            ?? ordinary(fault, iova, scene)
    }

    /// What has no shape of an MSI: ruled out by the offset, or not.
    private static func ordinary(
        _ fault: SMMUFault, _ iova: UInt64, _ scene: FaultScene
    ) -> FaultExplanation {
        let address = HexLiteral.text(iova)
        let known =
            scene.hasDoorbells
            ? "" : " (GICs have \(HexLiteral.text(DoorbellCatalogue.offsetOfGICs)))"
        guard scene.doorbell(atOffsetOf: iova) != nil else {
            // A doorbell that is not known may lie anywhere, but MSIs are written whole.
            if scene.hasUnknownOffsets, iova & (bytesOfMSI - 1) == 0 {
                return FaultExplanation(
                    fault, .unknown, .unknown,
                    because:
                        "\(address) lies in no known MSI window. Firmware names an MSI controller here and not "
                        + "its doorbell's address, so the address alone does not tell. "
                        + scene.ordinaryPhrase(iova))
            }
            return FaultExplanation(
                fault, .notMSI, .no,
                because:
                    "\(address) lies in no MSI window, and its offset in the page is no doorbell's\(known). "
                    + scene.ordinaryPhrase(iova))
        }
        let doubt =
            fault.substreamID == nil
            ? "nothing else speaks for an MSI and nothing rules one out, and most such writes in public reports were MSIs"
            : "but it has a substream, which MSIs hardly ever have"
        return FaultExplanation(
            fault, .unknown, .unknown,
            because:
                "\(address) lies in no known MSI window, though it has a doorbell's offset in its page: \(doubt). "
                + scene.ordinaryPhrase(iova))
    }

    private static let bytesOfMSI: UInt64 = 4
}
