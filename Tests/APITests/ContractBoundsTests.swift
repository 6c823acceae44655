// Every bound and default in openapi.yaml against the limit in the code that it repeats. A bound that is
// mapped to nothing fails; 0 and 1 as lower ends say "a count" and "not empty", and stand for themselves.

import API
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

@Suite struct ContractBoundsTests {
    private static let exactIntegerMax = 1 << 53 - 1

    /// By the keyword's pointer below /components/schemas, members after a dot.
    private static let bounds: [(value: Int, names: [String])] = [
        (Conditions.apertureBitsBounds.lowerBound, ["ApertureBits/minimum"]),
        (Conditions.apertureBitsBounds.upperBound, ["ApertureBits/maximum"]),
        (Limits.platformIDBytesMax, ["PlainID/maxLength"]),
        (Limits.labelsPerPlatformMax, ["Labels/maxProperties"]),
        (Limits.labelValueBytesMax, ["Labels/additionalProperties/maxLength", "Pool/maxLength"]),
        (
            exactIntegerMax,
            ["Number64/oneOf/1/maximum", "Size/oneOf/1/maximum", "SessionRequest.revision/maximum"]
        ),
        (Int(UInt32.max), ["pci_windows", "dma_ranges"].map { "PlatformFacts.\($0)/items.segment/maximum" }),
        (
            Limits.nameBytesMax,
            [
                "RegionInput.provenance/maxLength", "FirmwareRegionInput.provenance/maxLength",
                "IOMMURegionInput.provenance/maxLength",
                "NativePlatform.model/maxLength", "NativeDevice.id/maxLength", "ReplayOperation.id/maxLength",
                "HostDescription.name/maxLength", "DeviceRequest.id/maxLength",
                "DeviceRequest.description.id/maxLength", "ReservationRequest.provenance/maxLength",
                "BatchRequest.operations/items/oneOf/1.provenance/maxLength",
            ]
        ),
        (
            ReservedRegion.describedProvenanceBytesMax,
            ["DescribedRegionInput.provenance/maxLength", "StateRegion.provenance/maxLength"]
        ),
        (Limits.platformIDBytesMax, ["ComparisonRequest.policies/items/oneOf/2.name/maxLength"]),
        (Limits.problemErrorsMax, ["Problem.errors/maxItems"]),
        (
            Limits.devicesPerPlatformMax,
            ["NativePlatform.devices", "HostDescription.devices", "HostDescription.options"].map {
                $0 + "/maxItems"
            }
        ),
        (Limits.textLinesMax, ["FaultRequest", "MapFailureRequest"].map { $0 + ".lines/maxItems" }),
        (
            Limits.doorbellsPerDecisionMax,
            ["FaultRequest", "Circumstances"].map { $0 + ".doorbells/maxItems" }
        ),
        (Limits.candidateBasesMax, ["FaultRequest.windows/maxItems", "WindowSourceObject.bases/maxItems"]),
        (
            Limits.inlineRegionsMax,
            [
                "Circumstances.reserved_regions", "Circumstances.iova_ranges",
                "MapFailureRequest.reserved_regions", "MapFailureRequest.iova_ranges",
                "HostDescription.reserved_regions", "HostDescription.iova_ranges",
                "AllocatorState.hardware_msi", "DeviceRequest.description.reserved_regions",
                "DeviceRequest.description.iova_ranges",
            ].map { $0 + "/maxItems" }
        ),
        (
            WireWords.pageSizes.count,
            ["Circumstances", "MapFailureRequest"].map { $0 + ".smmu_page_sizes/maxItems" }
        ),
        (
            Limits.groupMatesMax, ["before", "after"].map { "GroupMates.\($0)/maxItems" }
        ),
        (
            Limits.earlierMappingsMax,
            ["Circumstances.earlier_mappings/maxItems", "EarlierUnmapping.free/maximum"]
        ),
        (
            Limits.attachedGroupsMax,
            ["Circumstances", "MapFailureRequest"].map { $0 + ".attached/maxItems" }
        ),
        (
            Limits.mappingsPerDecisionMax,
            ["Circumstances", "MapFailureRequest"].flatMap { schema in
                ["mappings", "allowed_iovas"].map { "\(schema).\($0)/maxItems" }
            }
        ),
        (Limits.mapChecksMax, ["Circumstances.map_checks/maxItems"]),
        (Limits.comparisonCellsMax, ["ComparisonRequest.policies/maxItems", "Comparison.items/maxItems"]),
        (KernelRelease.allCases.count, ["ComparisonRequest.kernels/maxItems"]),
        (Limits.iommuRegionsMax, ["IOMMURegions/maxItems", "DomainHead.iommu_regions/maxItems"]),
        (Limits.warningsPerDecisionMax, ["OutcomeMembers.warnings/maxItems"]),
        (
            Limits.rangesPerDecisionMax,
            ["OutcomeMembers", "MapFailures"].map { $0 + ".iova_ranges/maxItems" }
        ),
        (Limits.explanationStepsMax, ["Explanation.steps/maxItems", "Replay.explanation.steps/maxItems"]),
        (Limits.replayCPUsMax, ["ReplayRequest.cpus/maximum"]),
        (Limits.replayOperationsMax, ["ReplayRequest.ops/maxItems"]),
        (
            Limits.placementHostsMax,
            ["PlacementRequest.hosts", "SurveyRequest.platforms", "SurveyRequest.hosts"].map {
                $0 + "/maxItems"
            }
        ),
        (Limits.agreementHostsMax, ["AgreementRequest.hosts/maxItems"]),
        (Limits.agreementBlockersMax, ["Broken.blockers/maxItems"]),
        (Limits.agreementDoorbellsListedMax, ["DoorbellPages/maxItems"]),
        (
            Limits.agreementTTLSecondsMax,
            ["AgreementRequest", "AgreementPatch"].map { $0 + ".ttl_seconds/maximum" }
        ),
        (Limits.memoryMapEntriesMax, ["memory_map", "pinned_bars"].map { "GuestRequest.\($0)/maxItems" }),
        (Limits.surveyConstantsMax, ["SurveyRequest.constants/maxItems"]),
        (Limits.surveyRowsMax, ["SurveyCounts.conflicts/maxItems", "Survey.hosts/maxItems"]),
        (Limits.surveyWorstHostsMax, ["Survey.worst_hosts/maxItems"]),
        (
            Limits.sessionTTLSecondsMax,
            ["SessionRequest", "SessionPatch"].map { $0 + ".ttl_seconds/maximum" }
        ),
        (
            Limits.doorbellsPerDomainMax,
            [
                "SessionRequest.doorbell_context/maxItems", "SessionState.doorbell_context/maxItems",
                "ContextPage.number/maximum", "DomainStateMembers.doorbells/maxItems",
                "DomainStateMembers.interrupts/maxItems",
            ]
        ),
        (Limits.domainsPerSessionMax, ["SessionRequest.domains/maxItems"]),
        (
            Limits.devicesPerDomainMax,
            [
                "DomainRequest.devices/maxItems", "DomainStateMembers.devices/maxItems",
                "StateInterrupt.device/maximum",
                "AllocatorState.gave_up_below_4g/maxItems", "AllocatorState.gave_up_below_4g/items/maximum",
            ]
        ),
        (Limits.reservedRegionsPerSessionMax, ["DomainStateMembers.reserved_regions/maxItems"]),
        (Limits.mappingsPerDomainMax, ["DomainStateMembers.mappings/oneOf/0/maxItems"]),
        (2 * Limits.iovasPerSessionMax, ["Frames/oneOf/0/maxItems"]),
        (
            Limits.sessionBodyBytesMax,
            ["Frames/oneOf/1/maxLength", "DomainStateMembers.mappings/oneOf/1/maxLength"]
        ),
        (
            Limits.windowsPerDeviceMax,
            ["pci_windows", "dma_ranges"].map { "DeviceRequest.description.\($0)/maxItems" }
        ),
        (Limits.batchOperationsMax, ["BatchRequest.operations/maxItems"]),
        // Numbers that the code has at the place where it reads or writes, and in no table.
        (4_096, ["AllocatorState.online_cpus/maximum"] + nativeLists),
        (1_024, ["NativePlatform.smmus/maxItems"]),
        (64, ["AllocatorState.size_classes/maxItems"]),
        (Limits.smmusPerDeviceMax, ["DeviceRequest.description.smmus/maxItems"]),
        (1_000, ["MapFailures.items/maxItems"]),
        (MapExplanation.blockersMax, ["MapAnswer.blockers/maxItems"]),
        (64, ["PolicyTally.conflicting_platforms/maxItems"]),
        (16, ["RankedGroup.failing_platform_names/maxItems", "FittingConstants.best/maxItems"]),
        (1 << 20, ["HostDescription.options/items.sw_msi_size_mib/maximum"]),
        (
            65_536,
            ["PlacementRequest.doorbell_count/maximum", "AgreementRequest.doorbell_count/maximum"]
        ),
        (2, ["FramePair/minItems", "FramePair/maxItems", "FaultExplanation.stage/maximum"]),
        // The content type, and each kind of what is skipped around a text.
        (16, ["BodyFindings/maxItems"]),
        (Condition.kernelBytesMax, ["KernelString/maxLength"]),
        (Condition.kernelTextBytesMax, ["KernelText/maxLength"]),
        (Limits.capabilitiesMax, ["HostCapabilities/maxItems"]),
        (Remedy.namesMax, ["Remedy.hosts/maxItems", "Remedy.devices/maxItems"]),
        (
            MissingDescription.countMax,
            ["PlacementMembers", "Explanation"].map { "\($0).missing_descriptions/maxItems" }
        ),
        (Placement.hostRemarksMax, ["Survey.warnings/maxItems"]),
        (Survey.regionsMax, ["Survey.if_iommu_reports_msi.iommu_regions/maxItems"]),
        (400, ["Problem.status/minimum"]), (599, ["Problem.status/maximum"]),
    ]

    private static let nativeLists = [
        "NativePlatform.compatible", "NativePlatform.msi_controllers", "NativeDevice.compatible",
        "NativeDevice.smmus", "NativeDevice.msi_controllers", "NativeDevice.pci_windows",
        "NativeDevice.dma_ranges", "NativeDevice.reserved_regions", "NativeDevice.iova_ranges",
    ].map { $0 + "/maxItems" }

    /// Bounds of parameters; those of a VM are held by `ContractTests.parametersOfAVMAgree`.
    private static let parameterBounds: [String: Int] = [
        "/components/parameters/limit/schema/maximum": Limits.pageItemsMax,
        "/components/parameters/platform_ttl/schema/maximum": Limits.platformTTLSecondsMax,
        "/components/parameters/idempotency_key/schema/maxLength": Limits.idempotencyKeyBytesMax,
        "/paths/~1v1~1replays/post/parameters/1/schema/maximum": Limits.replayOperationsMax - 1,
    ]

    private static func pointer(_ name: String) -> String {
        "/components/schemas/" + name.replacingOccurrences(of: ".", with: "/properties/")
    }

    @Test func boundsAgree() {
        var left = Contract.document.bounds
        for (value, names) in Self.bounds {
            for name in names {
                let published = left.removeValue(forKey: Self.pointer(name))
                #expect(published == .integer(value), "\(name): \(published?.text ?? "no bound")")
            }
        }
        for (pointer, value) in Self.parameterBounds {
            let published = left.removeValue(forKey: pointer)
            #expect(published == .integer(value), "\(pointer): \(published?.text ?? "no bound")")
        }
        for (pointer, value) in left.sorted(by: { $0.key < $1.key }) {
            let isLowerEnd = pointer.contains("/min") && [0, 1].contains(value.integer)
            let isOfAVM = pointer.hasPrefix("/paths/~1v1~1vmms~1") || pointer.contains("/GuestRequest/")
            #expect(isLowerEnd || isOfAVM, "\(pointer) is held against nothing")
        }
    }

    /// Defaults that stand in several places are the code's own everywhere.
    @Test func defaultsAgree() throws {
        let defaults: [String: JSONValue] = [
            "Kernel": .string(KernelRelease.newest.rawValue),
            "KernelText": .string(KernelRelease.newest.rawValue),
            "ApertureBits": .integer(
                try #require(
                    Conditions.apertureBitsBounds.first {
                        Conditions(apertureBits: $0).aperture == Conditions().aperture
                    })),
            "WindowSourceWord": .string("fixed"), "Avoid": .string(WindowSource.Avoid.advertised.rawValue),
            "IfNone": .string(WindowSource.IfNone.offersNothing.rawValue),
            "Preference": .string(WindowSource.Preference.nearestDefault.rawValue),
            "Reading": .string(UserWindow(start: nil).reading.rawValue),
            "DefaultDomain": .string(Conditions().defaultDomain.rawValue),
            "PageSize": .string("0x" + String(Conditions().pageSize.bytes, radix: 16)),
            "RegionType": .string("reserved"), "FirmwareRegionType": .string("reserved"),
            "DeviceKind": .string(Device.Kind.pciFunction.rawValue),
            "PCIWindowKind": .string(PCIWindow.Kind.memory.rawValue),
        ]
        for (reference, published) in Contract.document.defaults {
            let name = reference.replacingOccurrences(of: "#/components/schemas/", with: "")
            guard let expected = defaults[name] else { continue }
            #expect(published == [expected], "\(name): \(published.map(\.text))")
        }
        let ttl = Contract.document.root.value(
            at: "/components/schemas/SessionRequest/properties/ttl_seconds/default")
        #expect(ttl == .integer(Limits.sessionTTLSecondsDefault))
        let limit = Contract.document.root.value(at: "/components/parameters/limit/schema/default")
        #expect(limit == .integer(Limits.pageItemsDefault))
    }
}
