// A decision of the consumers that user space drives: the groups that came before are attached, then the one
// that is asked about; its doorbells are mapped, then what user space wants to map is tried. One path for
// VFIO and iommufd; what differs between them is AddressSpace's.

import AddressSpaces
import LinuxReleases
import Machines

enum UserSpace {
    static func decide<R: Recorder>(
        _ question: Question, _ decision: inout Decision, _ recorder: inout R
    ) {
        do {
            var space = AddressSpace(
                question.consumer, mappings: question.mappings, allowed: question.allowed,
                under: question.conditions)
            try space.checkKernel(&recorder)
            try attachEarlierGroups(of: question, to: &space)
            let attempt = Attempt(
                question.prepared, beside: question.earlierGroups.flatMap(\.prepared.devices),
                source: question.source, under: question.conditions)
            let attachment = try space.attach(attempt, &recorder)
            mapDoorbells(question, space, attachment, &decision, &recorder)
            decision.ranges = space.ranges
            checkMaps(question, space, attachment, &decision, &recorder)
            if attachment.untranslatedBecause != nil {
                return Hazards.warn(about: question, &decision)
            }
            if case .ioas = space, case .user(let option) = question.source, !question.subject.isOfX86 {
                UserOption.warn(about: option, question.conditions, attachment, &decision)
            }
            Hazards.warn(
                aboutWindows: attachment.regions, of: question, used: attachment.window, &decision)
        } catch {
            decision = error.decision
        }
        Hazards.warn(about: question, &decision)
        Hazards.warn(aboutAssignment: question, &decision)
    }

    private static func attachEarlierGroups(
        of question: Question, to space: inout AddressSpace
    ) throws(Refusal) {
        var ignored = NoRecorder()
        for earlier in question.earlierGroups {
            var attempt = Attempt(
                earlier.prepared, source: question.source, under: question.conditions,
                aperture: earlier.aperture ?? question.conditions.aperture)
            attempt.isSubject = false
            do {
                _ = try space.attach(attempt, &ignored)
            } catch {
                throw error.ofEarlier(earlier.prepared)
            }
        }
    }

    private static func mapDoorbells<R: Recorder>(
        _ question: Question, _ space: AddressSpace, _ attachment: Attachment, _ decision: inout Decision,
        _ recorder: inout R
    ) {
        if let because = attachment.untranslatedBecause {
            decision = Decision(
                outcome: .identity,
                doorbells: question.doorbells.map { .untranslated($0, question.conditions.pageSize) },
                reachability: .yes, because: because)
            return
        }
        guard let window = attachment.window else {
            if let ofX86 = Decision.ofX86(question, &recorder) {
                decision = ofX86
                return
            }
            switch space {
            case .container: decision = VFIOType1.withoutWindow(question, attachment, &recorder)
            case .ioas: decision = IOMMUFD.withoutWindow(question, attachment, &recorder)
            }
            return
        }
        WindowJudgement.judge(window, question, &decision, &recorder)
        var map = space.doorbellMap(in: window, question.conditions, &recorder)
        let mapped = map.map(question.doorbells, &recorder)
        decision.doorbells = mapped.doorbells
        // Adding nothing to a list that the device keeps would copy it.
        if !mapped.warnings.isEmpty { decision.warnings += mapped.warnings }
        if let errno = mapped.errno { decision.errno = errno }
    }

    /// What becomes of mappings that user space tries, and whether the MSI window is to blame.
    private static func checkMaps<R: Recorder>(
        _ question: Question, _ space: AddressSpace, _ attachment: Attachment, _ decision: inout Decision,
        _ recorder: inout R
    ) {
        guard !question.mapChecks.isEmpty else { return }
        let holes = space.holes
        for check in question.mapChecks {
            switch check {
            case .fixed(let iova, let bytes):
                add(
                    check, iova, bytes, space.errno(iova: iova, bytes: bytes), window: attachment.window,
                    &decision, &recorder)
            case .automatic(let bytes, let userAddress):
                do {
                    let iova = try space.place(bytes: bytes, userAddress: userAddress, in: holes)
                    add(check, iova, bytes, nil, window: nil, &decision, &recorder)
                } catch {
                    add(check, 0, bytes, error.errno, window: nil, &decision, &recorder)
                }
            }
        }
    }

    private static func add<R: Recorder>(
        _ check: MapCheck, _ iova: UInt64, _ bytes: UInt64, _ errno: Errno?, window: IOVARange?,
        _ decision: inout Decision, _ recorder: inout R
    ) {
        decision.mapResults.append(
            .init(check: check, iova: errno == nil ? IOVA(iova) : nil, errno: errno))
        let range = IOVARange(start: IOVA(iova), size: bytes)
        guard let errno else {
            recorder.record(
                .mapAllowed, .accepted, candidate: range,
                "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) can be mapped.")
            return
        }
        recorder.record(
            .mapRefused, .rejected, candidate: range,
            "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) are refused: \(errno.rawValue).")
        guard let range, let window, range.overlaps(window) else { return }
        decision.warn(
            .mappingOnWindow,
            "\(range.text) overlaps the MSI window \(window.text), so guest memory or registers cannot lie there: "
                + "\(errno.rawValue).",
            range: range)
    }
}
