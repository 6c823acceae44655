// Every limit of the service, named with its unit. GET /v1/limits lists them all from the tables below; the
// limits of the server in front are its own.

import Fleet
import HTTP
import Ingestion
import MSIWindows
import Sandboxes

/// The numbers beyond which a request is refused.
package enum Limits {
    package static let bodyBytesMax = 8 << 20
    package static let jsonDepthMax = 32
    static let jsonValuesMax = 1_000_000
    static let deviceTreeBytesMax = DeviceTreeLimits.bytesMax
    static let regionsPerPlatformMax = PlatformLimits.regionsMax
    package static let devicesPerPlatformMax = PlatformLimits.devicesMax
    static let findingsPerPlatformMax = PlatformLimits.findingsMax
    static let acpiTableBytesMax = ACPILimits.tableBytesMax
    /// RMRs and their regions that a platform's answer lists; it also says how many RMRs are left out.
    static let memoryRangesListedMax = 32_768
    static let multipartPartsMax = MultipartForm.partsMax
    static let multipartHeaderBytesMax = MultipartForm.partHeaderBytesMax
    package static let textLinesMax = TextLimits.linesMax
    /// Larger bodies are answered on the heavy lane.
    static let lightBodyBytesMax = 16 << 10
    /// The same for bodies whose every line or member is work of its own: logs, traces, batches.
    static let lightListBytesMax = 2 << 10
    package static let platformsUploadedMax = 2_048
    /// Sum of what uploaded platforms take, by the service's own estimate.
    static let platformBytesTotalMax = 512 << 20
    /// Of one client, a token's or an address's: half of what there is for all, so that others find room.
    package static let platformsPerClientMax = platformsUploadedMax / 2
    package static let platformTTLSecondsMax = 30 * 86_400
    package static let platformIDBytesMax = WireID.bytesMax
    package static let labelsPerPlatformMax = 32
    package static let labelNameBytesMax = WireID.bytesMax
    package static let labelValueBytesMax = 256
    package static let nameBytesMax = 1_024
    package static let inlineRegionsMax = 65_536
    /// Regions that a virtio-iommu is said to report of one endpoint.
    package static let iommuRegionsMax = 64
    package static let candidateBasesMax = 64
    package static let doorbellsPerDecisionMax = 1_024
    package static let earlierMappingsMax = 10_000
    package static let groupMatesMax = 64
    package static let attachedGroupsMax = 64
    package static let mappingsPerDecisionMax = 4_096
    package static let mapChecksMax = 1_024
    /// Ranges that a decision lists; the answer also says how many there are.
    package static let rangesPerDecisionMax = 1_024
    /// Policies times kernels of one comparison.
    package static let comparisonCellsMax = 64
    /// Regions and ranges of all devices of one comparison: each cell reads them all.
    package static let comparisonRegionsMax = 4_096
    /// Different faults of a log, and other lines; the answer also says how many are left out.
    static let faultsMax = FaultLog.faultsMax
    static let faultLogLinesMax = FaultLog.linesMax
    /// Streams whose faults are looked up on the platform; those of others are explained as bare lines.
    static let faultStreamsMax = FaultExplanation.scenesMax
    /// Failed maps of a text; the answer also says how many are left out.
    static let mapFailuresMax = MapFailureLog.failuresMax
    package static let warningsPerDecisionMax = Decision.warningsMax
    package static let replayOperationsMax = 200_000
    /// A replay of that many operations is larger than other bodies: about 120 bytes an operation.
    package static let replayBodyBytesMax = 24 << 20
    /// An operation has up to nine values, with what it is expected to return.
    package static let replayJSONValuesMax = 2_000_000
    package static let replayCPUsMax = 8_192
    package static let placementHostsMax = 10_000
    /// Words in one list of what a host's kernel can do.
    package static let capabilitiesMax = 16
    /// Ranges that one placement or survey looks at, over all its hosts; in a placement each kind of host
    /// counts the guest's ranges too, since it is checked against them.
    package static let placementObstaclesMax = 2_000_000
    /// Regions, windows and ranges of the devices of stored platforms that are kept ready for answers.
    package static let preparedRangesMax = 262_144
    /// The same of hosts' facts that are kept for placements.
    package static let hostFactsRangesMax = 262_144
    /// Finished answers about stored platforms that are kept for the next who asks, with their questions.
    package static let keptAnswerBytesMax = 16 << 20
    package static let memoryMapEntriesMax = 4_096
    static let windowBytesMax: UInt64 = 1 << 48
    static let surveyDevicesMax = 100_000
    /// Devices times policies of one survey.
    static let surveyCellsMax = 1_000_000
    package static let surveyConstantsMax = 64
    package static let surveyRowsMax = Survey.conflictsMax
    package static let surveyWorstHostsMax = Survey.worstHostsMax
    /// Kinds of devices: those that leave the same places for a window are one.
    package static let surveyKindsMax = ConstantSweep.kindsMax
    /// Of the command: the largest part of a survey that is merged.
    package static let surveyPartBytesMax = SurveyPart.bytesMax
    package static let explanationStepsMax = 512
    package static let problemErrorsMax = 32
    package static let pageItemsDefault = 100
    package static let pageItemsMax = 1_000
    /// How long an answer is kept for its key, while there is what it acted on.
    package static let idempotencyKeySeconds = 3_600
    /// Kept for one client's keys, and for all clients'; the oldest go first.
    package static let idempotencyKeysPerClientMax = 1_024
    package static let idempotencyKeysMax = 16_384
    /// Sum of the answers that are kept for idempotency keys.
    static let idempotencyBytesTotalMax = 64 << 20
    package static let idempotencyKeyBytesMax = 128
    static let requestIDBytesMax = 128
    /// Tokens of a token file, each of at least so many characters.
    static let tokensMax = 256
    static let tokenBytesMin = 16
    package static let eventRingMax = 1_024
    package static let subscribersMax = 512
    package static let subscribersPerClientMax = subscribersMax / 2
    /// Requests with bodies, or heavy ones, that one client may have under way: as many as may wait for the
    /// heavy lane.
    package static let requestsPerClientMax = 512
    static let heartbeatSeconds = 15
    package static let siteFilesMax = 512
    package static let siteBytesTotalMax = 16 << 20
    package static let siteFolderDepthMax = 8
    /// Of the command: how deep a survey, or another reader of machines, searches folders.
    package static let surveyFolderDepthMax = 32

    /// Name on the wire and value, in the order in which they are listed.
    package static let table: [(name: String, value: Int)] =
        [
            ("body_bytes_max", bodyBytesMax),
            ("json_depth_max", jsonDepthMax),
            ("json_values_max", jsonValuesMax),
            ("device_tree_bytes_max", deviceTreeBytesMax),
            ("regions_per_platform_max", regionsPerPlatformMax),
            ("devices_per_platform_max", devicesPerPlatformMax),
            ("findings_per_platform_max", findingsPerPlatformMax),
            ("acpi_table_bytes_max", acpiTableBytesMax),
            ("memory_ranges_listed_max", memoryRangesListedMax),
            ("multipart_parts_max", multipartPartsMax),
            ("multipart_header_bytes_max", multipartHeaderBytesMax),
            ("text_lines_max", textLinesMax),
            ("light_body_bytes_max", lightBodyBytesMax),
            ("light_list_bytes_max", lightListBytesMax),
            ("platforms_uploaded_max", platformsUploadedMax),
            ("platform_bytes_total_max", platformBytesTotalMax),
            ("platforms_per_client_max", platformsPerClientMax),
            ("platform_ttl_seconds_max", platformTTLSecondsMax),
            ("platform_id_bytes_max", platformIDBytesMax),
            ("labels_per_platform_max", labelsPerPlatformMax),
            ("label_name_bytes_max", labelNameBytesMax),
            ("label_value_bytes_max", labelValueBytesMax),
            ("name_bytes_max", nameBytesMax),
            ("inline_regions_max", inlineRegionsMax),
            ("iommu_regions_max", iommuRegionsMax),
            ("candidate_bases_max", candidateBasesMax),
            ("doorbells_per_decision_max", doorbellsPerDecisionMax),
            ("earlier_mappings_max", earlierMappingsMax),
            ("group_mates_max", groupMatesMax),
            ("attached_groups_max", attachedGroupsMax),
            ("mappings_per_decision_max", mappingsPerDecisionMax),
            ("map_checks_max", mapChecksMax),
            ("ranges_per_decision_max", rangesPerDecisionMax),
            ("comparison_cells_max", comparisonCellsMax),
            ("comparison_regions_max", comparisonRegionsMax),
            ("faults_max", faultsMax),
            ("fault_log_lines_max", faultLogLinesMax),
            ("fault_streams_max", faultStreamsMax),
            ("map_failures_max", mapFailuresMax),
            ("warnings_per_decision_max", warningsPerDecisionMax),
            ("replay_operations_max", replayOperationsMax),
            ("replay_body_bytes_max", replayBodyBytesMax),
            ("replay_json_values_max", replayJSONValuesMax),
            ("replay_cpus_max", replayCPUsMax),
            ("placement_hosts_max", placementHostsMax),
            ("capabilities_max", capabilitiesMax),
            ("placement_obstacles_max", placementObstaclesMax),
            ("prepared_ranges_max", preparedRangesMax),
            ("host_facts_ranges_max", hostFactsRangesMax),
            ("kept_answer_bytes_max", keptAnswerBytesMax),
            ("memory_map_entries_max", memoryMapEntriesMax),
            ("window_bytes_max", Int(windowBytesMax)),
            ("survey_devices_max", surveyDevicesMax),
            ("survey_cells_max", surveyCellsMax),
            ("survey_constants_max", surveyConstantsMax),
            ("survey_rows_max", surveyRowsMax),
            ("survey_worst_hosts_max", surveyWorstHostsMax),
            ("survey_kinds_max", surveyKindsMax),
            ("survey_part_bytes_max", surveyPartBytesMax),
            ("explanation_steps_max", explanationStepsMax),
            ("problem_errors_max", problemErrorsMax),
            ("page_items_default", pageItemsDefault),
            ("page_items_max", pageItemsMax),
            ("idempotency_key_seconds", idempotencyKeySeconds),
            ("idempotency_keys_per_client_max", idempotencyKeysPerClientMax),
            ("idempotency_keys_max", idempotencyKeysMax),
            ("idempotency_bytes_total_max", idempotencyBytesTotalMax),
            ("idempotency_key_bytes_max", idempotencyKeyBytesMax),
            ("request_id_bytes_max", requestIDBytesMax),
            ("tokens_max", tokensMax), ("token_bytes_min", tokenBytesMin),
            ("event_ring_max", eventRingMax),
            ("subscribers_max", subscribersMax),
            ("subscribers_per_client_max", subscribersPerClientMax),
            ("requests_per_client_max", requestsPerClientMax),
            ("heartbeat_seconds", heartbeatSeconds),
            ("site_files_max", siteFilesMax),
            ("site_bytes_total_max", siteBytesTotalMax),
            ("site_folder_depth_max", siteFolderDepthMax),
            ("survey_folder_depth_max", surveyFolderDepthMax),
        ] + readerTable + sessionTable + agreementTable

    /// What the readers stop at.
    private static let readerTable: [(name: String, value: Int)] = [
        ("device_tree_nodes_max", DeviceTreeLimits.nodesMax),
        ("device_tree_depth_max", DeviceTreeLimits.depthMax),
        ("device_tree_regions_per_device_max", DeviceTreeLimits.regionsPerDeviceMax),
        ("device_tree_streams_max", DeviceTreeLimits.streamsMax),
        ("device_tree_name_bytes_max", DeviceTreeLimits.nameBytesMax),
        ("device_tree_path_bytes_total_max", DeviceTreeLimits.pathBytesTotalMax),
        ("device_tree_translation_steps_max", DeviceTreeLimits.translationStepsMax),
        ("acpi_tables_max", ACPILimits.tablesMax),
        ("acpi_nodes_max", ACPILimits.nodesMax),
        ("viot_nodes_max", ACPILimits.viotNodesMax),
        ("mcfg_entries_max", ACPILimits.mcfgEntriesMax),
        ("acpi_id_mappings_max", ACPILimits.mappingsMax),
        ("acpi_memory_ranges_max", ACPILimits.rangesMax),
        ("acpi_streams_max", ACPILimits.streamsMax),
        ("acpi_name_bytes_max", ACPILimits.nameBytesMax),
        ("acpi_route_depth_max", ACPILimits.routeDepthMax),
        ("acpi_route_steps_max", ACPILimits.routeStepsMax),
        ("acpi_pieces_per_device_max", ACPILimits.piecesPerDeviceMax),
        ("acpi_madt_frames_max", ACPILimits.madtFramesMax),
        ("aml_terms_max", AMLLimits.termsMax), ("aml_names_max", AMLLimits.namesMax),
        ("aml_nesting_max", AMLLimits.nestingMax), ("aml_path_depth_max", AMLLimits.pathDepthMax),
        ("aml_buffer_bytes_max", AMLLimits.bufferBytesMax),
        ("aml_host_bridges_max", AMLLimits.hostBridgesMax),
        ("aml_selection_steps_max", AMLLimits.selectionStepsMax),
        ("aml_selection_depth_max", AMLLimits.selectionDepthMax),
        ("collected_aml_bytes_max", AMLLimits.collectedBytesMax),
        ("collected_ssdts_max", AMLLimits.collectedSSDTsMax),
        ("native_list_max", NativePlatform.listMax), ("native_smmus_max", NativePlatform.smmusMax),
        ("native_msi_controllers_max", NativePlatform.controllersMax),
        ("text_groups_max", TextLimits.groupsMax), ("text_regions_max", TextLimits.regionsMax),
        ("text_regions_per_group_max", TextLimits.regionsPerGroupMax),
        ("text_windows_max", TextLimits.windowsMax),
        ("text_memory_ranges_max", TextLimits.memoryRangesMax),
        ("text_msi_frames_max", TextLimits.msiFramesMax),
        ("collected_log_lines_max", BootLogExcerpt.linesMax),
        ("collected_words_max", HostOptions.wordsMax),
        ("collected_parameters_max", HostOptions.parametersMax),
        ("collected_config_lines_max", HostOptions.configLinesMax),
        ("collected_config_bytes_max", HostOptions.configBytesMax),
        ("collected_line_bytes_max", HostOptions.lineBytesMax),
        ("trace_domains_max", TraceReconstruction.domainsMax),
        ("trace_attachments_max", TraceReconstruction.attachmentsMax),
        ("trace_devices_max", TracedDomain.devicesMax),
        ("vm_memory_bytes_max", Int(VMShape.sizeMax)), ("vm_slots_max", VMShape.slotsMax),
        ("vm_vcpus_max", VMShape.vcpusBounds.upperBound),
        ("query_items_max", RequestTarget.queryItemsMax),
        ("multipart_boundary_bytes_max", MultipartForm.boundaryBytesMax),
        ("multipart_name_bytes_max", MultipartForm.nameBytesMax),
    ]
}

// MARK: Sessions

extension Limits {
    package static let sessionsMax = 10_000
    package static let sessionsPerClientMax = sessionsMax / 2
    /// Any exported session fits in the compact form (of a million ranges, 21 MiB at the most), and one with
    /// a million pages in one domain of the DMA layer in the plain form, too: 28 MB.
    package static let sessionBodyBytesMax = 32 << 20
    /// The numbers of those ranges, and what else there is.
    package static let sessionJSONValuesMax = 2 * iovasPerSessionMax + 100_000
    package static let sessionTTLSecondsDefault = 900
    package static let sessionTTLSecondsMax = 86_400
    static let sessionIDBytesMax = WireID.bytesMax
    /// Ids of recently expired sessions, which get another answer than ids that never existed.
    static let expiredSessionsRememberedMax = 16_384
    package static let domainsPerSessionMax = 64
    /// Held ranges of a session: live IOVAs, parked ones, reservations, doorbell pages.
    package static let iovasPerSessionMax = 1_000_000
    package static let reservedRegionsPerSessionMax = 65_536
    /// Ranges, regions, devices and doorbells of all sessions together.
    static let sessionItemsTotalMax = 16_000_000
    package static let devicesPerDomainMax = 4_096
    /// As many as a device of a platform may have, so that what attaches by name can be imported.
    package static let windowsPerDeviceMax = PlatformLimits.regionsMax
    package static let smmusPerDeviceMax = NativePlatform.listMax
    package static let doorbellsPerDomainMax = 1_024
    package static let mappingsPerDomainMax = 16_384
    package static let batchOperationsMax = 10_000
    /// Online CPUs of an imported domain.
    static let domainCPUsMax = 4_096

    /// What one session may hold.
    static let sessionQuota = SessionQuota(
        domains: domainsPerSessionMax, ranges: iovasPerSessionMax, regions: reservedRegionsPerSessionMax,
        devices: devicesPerDomainMax, doorbells: doorbellsPerDomainMax, mappings: mappingsPerDomainMax)

    static let sessionTable: [(name: String, value: Int)] = [
        ("sessions_max", sessionsMax), ("sessions_per_client_max", sessionsPerClientMax),
        ("session_body_bytes_max", sessionBodyBytesMax),
        ("session_json_values_max", sessionJSONValuesMax),
        ("session_ttl_seconds_default", sessionTTLSecondsDefault),
        ("session_ttl_seconds_max", sessionTTLSecondsMax),
        ("session_id_bytes_max", sessionIDBytesMax),
        ("expired_sessions_remembered_max", expiredSessionsRememberedMax),
        ("domains_per_session_max", domainsPerSessionMax),
        ("iovas_per_session_max", iovasPerSessionMax),
        ("reserved_regions_per_session_max", reservedRegionsPerSessionMax),
        ("session_items_total_max", sessionItemsTotalMax),
        ("devices_per_domain_max", devicesPerDomainMax),
        ("windows_per_device_max", windowsPerDeviceMax), ("smmus_per_device_max", smmusPerDeviceMax),
        ("doorbells_per_domain_max", doorbellsPerDomainMax),
        ("mappings_per_domain_max", mappingsPerDomainMax), ("domain_cpus_max", domainCPUsMax),
        ("batch_operations_max", batchOperationsMax),
    ]
}

// MARK: Agreements

extension Limits {
    package static let agreementsMax = 2_048
    package static let agreementsPerClientMax = agreementsMax / 2
    /// As many as a pool can have.
    package static let agreementHostsMax = platformsUploadedMax
    /// Hosts of all agreements, and ranges of hosts and guests that their proposals describe. A host takes
    /// about 500 bytes, one that breaks the promise 1,000.
    package static let agreementItemsTotalMax = 262_144
    package static let agreementTTLSecondsDefault = 86_400
    package static let agreementTTLSecondsMax = 30 * 86_400
    /// Ids of recently expired agreements, which get another answer than ids that never existed.
    static let expiredAgreementsRememberedMax = 4_096
    /// Newest events of one agreement that are kept.
    package static let agreementEventsMax = 128
    package static let agreementBlockersMax = Standing.blockersMax
    package static let agreementDoorbellsListedMax = Placement.doorbellsListedMax

    static let agreementTable: [(name: String, value: Int)] = [
        ("agreements_max", agreementsMax), ("agreements_per_client_max", agreementsPerClientMax),
        ("agreement_hosts_max", agreementHostsMax),
        ("agreement_items_total_max", agreementItemsTotalMax),
        ("agreement_ttl_seconds_default", agreementTTLSecondsDefault),
        ("agreement_ttl_seconds_max", agreementTTLSecondsMax),
        ("agreement_events_max", agreementEventsMax), ("agreement_blockers_max", agreementBlockersMax),
        ("agreement_doorbells_listed_max", agreementDoorbellsListedMax),
        ("expired_agreements_remembered_max", expiredAgreementsRememberedMax),
    ]
}
