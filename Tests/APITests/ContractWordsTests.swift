// Every closed set of words in openapi.yaml against the set in the code that it stands for. A set that is
// mapped to nothing fails, and so does a mapping that names nothing.

import AddressSpaces
import Fleet
import Foundation
import IOVAAllocation
import Ingestion
import LinuxReleases
import MSIWindows
import Machines
import OpenAPI
import Testing

@testable import API
@testable import Sandboxes

@Suite struct ContractWordsTests {
    /// By the schema's name below /components/schemas, with the way to the words.
    private static let sources: [String: [String]] = [
        "KernelRelease": words(KernelRelease.self),
        "Evidence": words(KernelEvidence.self),
        "HostFacts/properties/group_type": words(GroupType.self),
        "Consumer": words(Consumer.self),
        "StateForm": words(StateForm.self),
        "ExplainLevel": refused("/v1/decisions?explain=zzz"),
        "View": refused("/v1/platforms/example-arm-juno/reserved-regions?view=zzz&device=d"),
        "MSIAssumption": words(MSIAssumption.self),
        "WindowSourceWord": WireWords.sources.map(\.word),
        "PlainWindowSource/properties/kind": ["fixed", "none"],
        "CandidatesWindowSource/properties/kind": ["candidates"],
        "DynamicWindowSource/properties/kind": ["dynamic"],
        "UserWindowSource/properties/kind": ["user"],
        "WindowSourceObject/properties/kind": WireWords.sources.map(\.word) + ["user"],
        "Avoid": words(WindowSource.Avoid.self),
        "IfNone": words(WindowSource.IfNone.self),
        "Preference": words(WindowSource.Preference.self),
        "Reading": words(UserWindow.Reading.self),
        "DefaultDomain": words(Conditions.DefaultDomain.self),
        "SMMUVersion": words(SMMU.Version.self),
        "MSIControllerKind": words(MSIController.Kind.self),
        "DeviceKind": words(Device.Kind.self),
        "PlatformSource": words(Platform.Source.self),
        "PCIWindowKind": words(PCIWindow.Kind.self),
        "RegionType": ReservedRegion.Kind.words.map(\.word),
        "FirmwareRegionType": ReservedRegion.Kind.firmwareWords.map(\.word),
        "DescribedRegionInput/properties/not_applied": ReservedRegion.NotApplied.allCases.map(\.name),
        "SysfsRegionType": unique(ReservedRegion.Kind.allCases.map(\.sysfsName)),
        "WithheldKind": words(WithheldItem.Kind.self),
        "Severity": words(Finding.Severity.self),
        "Errno": words(Errno.self),
        "KernelOrigin": words(KernelOrigin.self),
        "StepVerdict": words(Step.Verdict.self),
        "PolicyID": Policy.all.map(\.id),
        "PolicyNumeral": Policy.all.compactMap(\.numeral),
        "Policy/properties/status": words(Policy.Status.self),
        "VMMID": words(VMM.self),
        "VMMSummary/properties/on_bar_failure": unique(VMM.allCases.map(\.onBARFailure.rawValue)),
        "VMMSummary/properties/nested_contract": unique(VMM.allCases.map(\.nestedContract.rawValue)),
        "GuestMapEntry/properties/kind": words(GuestRegion.Kind.self),
        "GuestRequest/properties/viommu": words(GuestDemand.VIOMMU.self),
        "GuestRequest/properties/memory_map/items/properties/kind": words(GuestDemand.MapEntry.Kind.self),
        "ProblemCode": words(ProblemKind.self),
        "Rule": words(Rule.self),
        "WarningCode": words(MSIWindows.Warning.Code.self),
        "HostCapabilities/items": words(HostCapability.self),
        "MechanismKind": words(Placement.Mechanism.Kind.self),
        "RenderingFormat": words(Rendering.Format.self),
        "MissingDescriptionMembers/properties/kind": UndescribedRange.kinds.map(\.rawValue),
        "RemedyKind": words(Remedy.Kind.self),
        "Remedy/properties/changes": words(Remedy.Subject.self),
        "PlacementWarningCode": words(Placement.Warning.Code.self),
        "BlockerKind": words(HostObstacle.Kind.self) + words(GuestRegion.Kind.self) + [
            "vm_refused", "no_group",
        ],
        "NativeDevice/properties/iova_ranges_read": refused(
            "/v1/platforms", #"{"devices":[{"id":"d","kind":"group","iova_ranges_read":"zzz"}]}"#),
        "FaultExplanation/properties/smmu/properties/driver": words(SMMUFault.Driver.self),
        "FaultExplanation/properties/cause": words(SMMUFault.Cause.self),
        "FaultExplanation/properties/format": words(SMMUFault.Format.self),
        "FaultExplanations/properties/other_lines/items/properties/kind": words(
            FaultLog.Content.Other.Kind.self),
        "FaultExplanation/properties/transaction": words(SMMUFault.Transaction.self),
        "FaultAnswer/properties/verdict": words(FaultExplanation.Verdict.self),
        "FaultAnswer/properties/is_msi": words(FaultExplanation.Certainty.self),
        "FaultAnswer/properties/reason": words(FaultExplanation.Reason.self),
        "FaultAnswer/properties/doorbell_write": words(FaultExplanation.DoorbellWrite.self),
        "FaultAnswer/properties/happened": words(FaultExplanation.Happening.self),
        "MapFailure/properties/program": words(MapFailure.Program.self),
        "MapFailure/properties/action": words(MapFailure.Action.self),
        "MapFailure/properties/bar": words(MapFailure.BAR.self),
        "MapFailure/properties/consumer": words(Consumer.self).filter { $0 != "dma_api" },
        "MapAnswer/properties/certainty": words(MapExplanation.Certainty.self),
        "MapVerdict": words(MapExplanation.Verdict.self),
        "UserConsumer": words(Consumer.self).filter { $0 != "dma_api" },
        "OutcomeMembers/properties/outcome": words(Decision.Outcome.self),
        "ReplayOperation/properties/op": refused("/v1/replays", #"{"ops":[{"op":"zzz"}]}"#),
        "TraceReplay/properties/domains/items/properties/kind": words(TracedDomain.Kind.self),
        "TraceReplay/properties/domains/items/properties/oddities/items/properties/reason": words(
            TracedDomain.Oddity.Reason.self),
        "PlacementVerdict": words(Placement.Verdict.self),
        "PlacementWarning/properties/severity": words(Placement.Warning.Severity.self),
        "SurveyPolicy/oneOf/0": SurveyPolicy.standard.map(\.name),
        // Beside what is withheld there are the limits of the device, of the aperture and of the search.
        "SurveyReason": words(WithheldItem.Kind.self) + ["above_dma_limit", "outside_aperture", "no_window"],
        "Holding/properties/kind": words(Holding.Kind.self),
        "AgreementState": words(Agreement.State.self),
        "BreachKind": words(Promise.Breach.self),
        "AgreementPatch/properties/state": words(Agreement.State.self).filter { $0 != "proposed" },
    ]

    /// Words that the code writes as they stand here, each in one place.
    private static let literals: [String: [String]] = [
        "ConfigMap/properties/apiVersion": ["v1"], "ConfigMap/properties/kind": ["ConfigMap"],
        "Version/properties/name": ["iovad"], "Version/properties/build": ["debug", "release"],
        "Version/properties/architecture": ["arm64", "x86_64", "other"],
        "Index/properties/documentation": ["/openapi.yaml"],
        "Platform/properties/memory_ranges/items/properties/regions/items/properties/type": [
            "direct", "direct_relaxable",
        ],
        "ReservedRegions/oneOf/0/properties/view": ["dma"],
        "ReservedRegions/oneOf/1/properties/view": ["sysfs"],
        "ReservedRegions/oneOf/2/properties/view": ["vfio"],
        "FaultExplanations/properties/kind": ["fault_explanations"],
        "MapFailures/properties/kind": ["map_failures"],
        "FaultExplanation/properties/access": ["read", "write"],
        "OutcomeMembers/properties/kind": ["decision"],
        "IOMMURegion/properties/type": ["msi", "reserved"],
        "IOMMURegionInput/properties/type": ["msi", "reserved"],
        "Comparison/properties/kind": ["comparison"],
        "TraceReplay/properties/kind": ["iommu_trace"],
        "VMM/properties/outcome": ["map", "refused"],
        "PlacementMembers/properties/kind": ["placement"],
        "Survey/properties/kind": ["survey"],
        "SurveyRow/properties/kind": ["device"],
        "AllocationPreview/oneOf/0/properties/outcome": ["allocated"],
        "AllocationPreview/oneOf/1/properties/outcome": ["none"],
        "AgreementProposal/properties/kind": ["agreement_proposal"],
        "AgreementCheck/properties/kind": ["agreement_check"],
        "StreamEvent/anyOf/2/properties/event": ["gap"],
        "StreamEvent/anyOf/3/properties/event": ["bye"],
        "ByeEventData/properties/reason": [
            "session_deleted", "session_expired", "agreement_deleted", "agreement_expired",
            "shutting_down",
        ],
    ]

    /// Sets that stand in pieces, one an alternative: by the beginning of their pointers.
    private static let unions: [(prefix: String, suffix: String, words: [String])] = [
        ("SessionEvent/oneOf/", "/properties/event", eventNames),
        (
            "AgreementEvent/oneOf/", "/properties/event", words(AgreementEvent.Kind.self)
        ),
        (
            "BatchRequest/properties/operations/items/oneOf/", "/properties/op",
            refusedOperation
        ),
    ]

    private static let root = "/components/schemas/"

    @Test(arguments: (sources.merging(literals) { first, _ in first }).sorted { $0.key < $1.key })
    func wordsAgree(name: String, words: [String]) throws {
        let published = try #require(Contract.document.closedSets[Self.root + name], "\(name) is no set")
        // A word or nothing is still one set of words.
        #expect(published.filter { $0 != .null }.map { $0.string ?? $0.text }.sorted() == words.sorted())
    }

    @Test func piecesAgree() {
        for union in Self.unions {
            let pieces = Contract.document.closedSets.filter {
                $0.key.hasPrefix(Self.root + union.prefix) && $0.key.hasSuffix(union.suffix)
            }
            let words = pieces.values.flatMap { $0 }.map { $0.string ?? $0.text }
            #expect(words.sorted() == union.words.sorted(), "\(union.prefix)")
        }
    }

    /// Pages are spelled in hex, as sizes or as integers; other sets are of one kind.
    @Test func numbersAgree() {
        let sizes = WireWords.pageSizes.map(\.bytes)
        let spelled =
            sizes.map { JSONValue.string("0x" + String($0, radix: 16)) }
            + sizes.map { JSONValue.string("\($0 >> 10)K") }
        #expect(
            Contract.document.closedSets[Self.root + "PageSize/oneOf/0"] == spelled)
        #expect(
            Contract.document.closedSets[Self.root + "PageSize/oneOf/1"]
                == sizes.map { .integer(Int($0)) })
        let format = "CollectedHost/properties/collected/properties/format"
        #expect(Contract.document.closedSets[Self.root + format] == [.integer(1)])
        let attached = "UserWindowSource/properties/attached"
        #expect(Contract.document.closedSets[Self.root + attached] == [.bool(true)])
        #expect(
            Contract.document.closedSets[Self.root + "Reachability/oneOf/1"] == [.string("conditional")])
        #expect(
            Contract.document.root.value(at: Self.root + "Reachability/oneOf/0/type") == .string("boolean"))
    }

    /// Every behaviour has its member, and every value its word.
    @Test func behavioursAgree() {
        let root = Self.root + "Behaviours/properties/"
        for behaviour in Behaviour.allCases {
            let values = behaviour.values.map { value -> JSONValue in
                switch value {
                case .flag(let flag): .bool(flag)
                case .word(let word): .string(word)
                case .number(let number): .integer(number)
                }
            }
            guard !values.contains(.bool(true)) else {
                let type = Contract.document.root.value(at: root + behaviour.rawValue + "/type")
                #expect(type == .string("boolean"), "\(behaviour)")
                continue
            }
            #expect(Contract.document.closedSets[root + behaviour.rawValue] == values, "\(behaviour)")
        }
        let published = Contract.document.root.value(at: Self.root + "Behaviours/properties")
        #expect(published?.object?.count == Behaviour.allCases.count)
    }

    @Test func noSetIsMappedToNothing() {
        let behaviours = Behaviour.allCases.map { "Behaviours/properties/\($0.rawValue)" }
        let others =
            behaviours + [
                "PageSize/oneOf/0", "PageSize/oneOf/1",
                "CollectedHost/properties/collected/properties/format",
                "UserWindowSource/properties/attached", "ConfigMap/properties/immutable", "Reachability/oneOf/1",
            ]
        let names = Array(Self.sources.keys) + Array(Self.literals.keys) + others
        let known = Set(names.map { Self.root + $0 })
        for pointer in Contract.document.closedSets.keys.sorted() where !known.contains(pointer) {
            let isPiece = Self.unions.contains {
                pointer.hasPrefix(Self.root + $0.prefix) && pointer.hasSuffix($0.suffix)
            }
            #expect(isPiece, "\(pointer) is held against nothing")
        }
    }

    // MARK: The code's sets

    private static func words<Words: CaseIterable & RawRepresentable<String>>(_: Words.Type) -> [String] {
        Words.allCases.map(\.rawValue)
    }

    private static func unique(_ words: [String]) -> [String] { Array(Set(words)) }

    /// The words that a refusal lists, where the code's own set is hidden: `"zzz" is not one of a, b.`
    private static func refused(_ target: String, _ body: String? = nil) -> [String] {
        let client = ServiceClient()
        let isDecision = target.hasPrefix("/v1/decisions")
        let answer =
            body == nil && !isDecision ? client.get(target) : client.post(target, json: body ?? "{}")
        return listed(answer)
    }

    private static func listed(_ answer: ServiceClient.Answer) -> [String] {
        let details = answer.list("errors").compactMap { $0["detail"] as? String }
        guard let detail = details.first(where: { $0.contains("\"zzz\" is not one of ") }) else { return [] }
        return detail.components(separatedBy: "is not one of ")[1].dropLast()
            .components(separatedBy: ", ").map { $0.filter { $0 != "\"" } }
    }

    private static let refusedOperation: [String] = {
        let client = ServiceClient()
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        _ = client.post("/v1/sessions/s/domains", json: #"{"id":"d"}"#)
        return listed(
            client.post("/v1/sessions/s/domains/d/batches", json: #"{"operations":[{"op":"zzz"}]}"#))
    }()

    /// One event of each case; the switch below does not compile when a case is missing here.
    private static let eventNames: [String] = {
        let name = DomainName("d")
        let manner = SessionEvent.Manner(level: .tree, isAligned: true, isPCI: true, shift: 12, member: 0)
        let events: [SessionEvent] = [
            .domainCreated(name), .domainDeleted(name), .attached(name, device: name, member: 0),
            .detached(name, device: name), .reserved(name, start: 0, last: 0, kind: 0, grows: false),
            .allocated(name, bytes: 0, limit: 0, iova: 0, manner),
            .exhausted(name, bytes: 0, limit: 0, manner), .freed(name, start: 0, last: 0),
            .doorbellMapped(name, physical: 0, iova: 0, mask: 0, manner),
            .doorbellFailed(name, physical: 0, mask: 0, manner), .mapped(name, start: 0, last: 0),
            .unmapped(name, start: 0, last: 0), .trimmed(name), .renewed(seconds: 1), .expired,
        ]
        return events.map { event in
            switch event {
            case .domainCreated, .domainDeleted, .attached, .detached, .reserved, .allocated, .exhausted,
                .freed, .doorbellMapped, .doorbellFailed, .mapped, .unmapped, .trimmed, .renewed, .expired:
                event.name
            }
        }
    }()
}
