// GET /metrics: Prometheus' text exposition, version 0.0.4. Counters and gauges of the service, of the server
// in front and of the process; each limit whose use is counted beside that use; and times by operation.

import HTTP
import Locking
import Storage

/// What the system says about the process. The composition root asks it.
public struct ProcessFacts: Sendable {
    /// Since 1970.
    var startSeconds: Double
    var cpuSeconds: Double
    var residentBytes: UInt64
    var virtualBytes: UInt64
    var openDescriptors: Int
    var descriptorsMax: Int

    public init(
        startSeconds: Double, cpuSeconds: Double, residentBytes: UInt64, virtualBytes: UInt64,
        openDescriptors: Int, descriptorsMax: Int
    ) {
        self.startSeconds = startSeconds
        self.cpuSeconds = cpuSeconds
        self.residentBytes = residentBytes
        self.virtualBytes = virtualBytes
        self.openDescriptors = openDescriptors
        self.descriptorsMax = descriptorsMax
    }
}

extension Service {
    private static func lines(of ledger: Ledger) -> [String] {
        let counts = ledger.counts
        return [
            "# HELP iovad_store_up Whether the store answered its last call.", "# TYPE iovad_store_up gauge",
            "iovad_store_up \(ledger.storage.trouble == nil ? 1 : 0)",
            "# HELP iovad_store_commits_total Requests whose change became durable.",
            "# TYPE iovad_store_commits_total counter", "iovad_store_commits_total \(counts.commits)",
            "# HELP iovad_store_conflicts_total Changes that were made again because others were faster.",
            "# TYPE iovad_store_conflicts_total counter", "iovad_store_conflicts_total \(counts.conflicts)",
            "# HELP iovad_store_failures_total Changes that the store did not take.",
            "# TYPE iovad_store_failures_total counter", "iovad_store_failures_total \(counts.failures)",
            "# HELP iovad_store_rows_replayed_total Rows that were run again, of others or from before the start.",
            "# TYPE iovad_store_rows_replayed_total counter",
            "iovad_store_rows_replayed_total \(counts.replayed)",
            "# HELP iovad_store_unreadable Stored entities that this version cannot read.",
            "# TYPE iovad_store_unreadable gauge", "iovad_store_unreadable \(ledger.unreadable.count)",
        ]
    }

    func metrics(_ context: RequestContext) -> Response {
        let counts = platforms.counts
        var lines = [
            "# HELP iovad_requests_total Answers by operation and status; a 503 in the place of an answer counts beside it.",
            "# TYPE iovad_requests_total counter",
        ]
        for (key, value) in counters.snapshot {
            lines.append(
                "iovad_requests_total{operation=\"\(key.operation)\",status=\"\(key.status)\"} \(value)")
        }
        lines += [
            "# HELP iovad_platforms Platforms that the server knows.", "# TYPE iovad_platforms gauge",
            "iovad_platforms{source=\"built_in\"} \(counts.builtIn)",
            "iovad_platforms{source=\"this_host\"} \(counts.offered)",
            "iovad_platforms{source=\"uploaded\"} \(counts.uploaded)",
            "# HELP iovad_event_subscribers Open event streams.", "# TYPE iovad_event_subscribers gauge",
            "iovad_event_subscribers \(events.subscriberCount)",
            "# HELP iovad_sessions Live sessions.", "# TYPE iovad_sessions gauge",
            "iovad_sessions \(sessions.count)",
            "# HELP iovad_session_items Ranges, regions, devices and doorbells of all sessions.",
            "# TYPE iovad_session_items gauge", "iovad_session_items \(sessions.totalWeight)",
            "# HELP iovad_agreements Live agreements.", "# TYPE iovad_agreements gauge",
            "iovad_agreements \(agreements.count)",
            "# HELP iovad_agreements_broken Agreements, of those that are not released, whose promise is not kept.",
            "# TYPE iovad_agreements_broken gauge", "iovad_agreements_broken \(agreements.totals.broken)",
            "# HELP iovad_agreement_evaluations_total Hosts of agreements that were evaluated again because a platform changed.",
            "# TYPE iovad_agreement_evaluations_total counter",
            "iovad_agreement_evaluations_total \(agreementEvaluations)",
        ]
        if let lane = configuration.laneGauges?() { lines += Self.lines(of: lane) }
        if let dropped = configuration.droppedLogLines?() {
            lines += [
                "# HELP iovad_log_lines_dropped_total Lines of the log that nobody read in time, or that could not be written.",
                "# TYPE iovad_log_lines_dropped_total counter", "iovad_log_lines_dropped_total \(dropped)",
            ]
        }
        if let ledger { lines += Self.lines(of: ledger) }
        if let flight = configuration.flightGauges?() { lines += Self.lines(of: flight) }
        lines += buildLines() + limitLines()
        if let process = configuration.processFacts?() { lines += Self.lines(of: process) }
        var response = text(200, lines.joined(separator: "\n") + "\n" + RequestTimes.head)
        response.stream = times.text
        response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        return response
    }

    /// The facts of GET /version as labels.
    private func buildLines() -> [String] {
        let facts = [(name: "version", value: configuration.version)] + configuration.build
        let labels = facts.map { "\($0.name)=\"\(Self.label($0.value))\"" }.joined(separator: ",")
        return [
            "# HELP iovad_build_info What the binary was built with; the value is always 1.",
            "# TYPE iovad_build_info gauge", "iovad_build_info{\(labels)} 1",
        ]
    }

    private static func label(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

// MARK: Limits and their use

extension Service {
    /// What is in use of the limits of GET /v1/limits that bound all clients together.
    var uses: [(limit: String, used: Int)] {
        let keys = idempotency.figures
        let hostFacts = hostFactsSize
        var uses = [
            ("platforms_uploaded_max", platforms.counts.uploaded),
            ("platform_bytes_total_max", platforms.uploadedBytes),
            ("sessions_max", sessions.count), ("session_items_total_max", sessions.totalWeight),
            ("agreements_max", agreements.count), ("agreement_items_total_max", agreements.totals.items),
            ("subscribers_max", events.subscriberCount),
            ("idempotency_keys_max", keys.count), ("idempotency_bytes_total_max", keys.bytes),
            ("prepared_ranges_max", preparedSize.ranges),
            ("host_facts_ranges_max", hostFacts.ofPlatforms + hostFacts.ofKinds),
            ("kept_answer_bytes_max", keptAnswersFigures.bytes),
        ]
        if let lane = configuration.laneGauges?() {
            uses += [("heavy_requests_max", lane.waiting), ("heavy_bytes_max", lane.waitingBytes)]
        }
        if let flight = configuration.flightGauges?() {
            uses.append(("flight_bytes_max", flight.bodyBytes + flight.answerBytes))
        }
        return uses
    }

    private func limitLines() -> [String] {
        let uses = uses
        let limits = Limits.table + configuration.serverLimits
        let bounds = uses.map { use in
            guard let limit = limits.first(where: { $0.name == use.limit }) else {
                preconditionFailure("no limit \(use.limit), whose use is counted")
            }
            return "iovad_limit{name=\"\(use.limit)\"} \(limit.value)"
        }
        return [
            "# HELP iovad_limit A limit of GET /v1/limits that bounds all clients together.",
            "# TYPE iovad_limit gauge",
        ] + bounds + [
            "# HELP iovad_limit_used What is in use of the limit of this name.",
            "# TYPE iovad_limit_used gauge",
        ] + uses.map { "iovad_limit_used{name=\"\($0.limit)\"} \($0.used)" }
    }
}

// MARK: The lane, bodies and answers in flight, and the process

extension Service {
    private static func lines(of lane: HeavyLane.Gauges) -> [String] {
        [
            "# HELP iovad_heavy_requests Heavy requests that wait or are computed.",
            "# TYPE iovad_heavy_requests gauge",
            "iovad_heavy_requests{state=\"waiting\"} \(lane.waiting)",
            "iovad_heavy_requests{state=\"running\"} \(lane.running)",
            "# HELP iovad_heavy_waiting_bytes Bodies of the heavy requests that wait.",
            "# TYPE iovad_heavy_waiting_bytes gauge", "iovad_heavy_waiting_bytes \(lane.waitingBytes)",
            "# HELP iovad_heavy_turned_away_total Heavy requests that found no room, or whose client left first.",
            "# TYPE iovad_heavy_turned_away_total counter",
            "iovad_heavy_turned_away_total{reason=\"no_room\"} \(lane.refused)",
            "iovad_heavy_turned_away_total{reason=\"client_gone\"} \(lane.cancelled)",
        ]
    }

    private static func lines(of flight: FlightBudget.Gauges) -> [String] {
        [
            "# HELP iovad_flight_bytes Bodies that arrive or are computed with, and answers that wait to be read.",
            "# TYPE iovad_flight_bytes gauge",
            "iovad_flight_bytes{kind=\"bodies\"} \(flight.bodyBytes)",
            "iovad_flight_bytes{kind=\"answers\"} \(flight.answerBytes)",
            "# HELP iovad_flight_peak_bytes The largest sum of both since the start.",
            "# TYPE iovad_flight_peak_bytes gauge", "iovad_flight_peak_bytes \(flight.peakBytes)",
            "# HELP iovad_flight_refused_total Bodies and answers that found no room.",
            "# TYPE iovad_flight_refused_total counter",
            "iovad_flight_refused_total{kind=\"bodies\"} \(flight.refusedBodies)",
            "iovad_flight_refused_total{kind=\"answers\"} \(flight.refusedAnswers)",
        ]
    }

    private static func lines(of process: ProcessFacts) -> [String] {
        func gauge(_ name: String, _ help: String, _ value: String, type: String = "gauge") -> [String] {
            ["# HELP \(name) \(help)", "# TYPE \(name) \(type)", "\(name) \(value)"]
        }
        return gauge(
            "process_start_time_seconds", "Start of the process, in seconds since 1970.",
            "\(process.startSeconds)")
            + gauge(
                "process_cpu_seconds_total", "CPU time of user and system.", "\(process.cpuSeconds)",
                type: "counter")
            + gauge("process_resident_memory_bytes", "Memory in RAM.", "\(process.residentBytes)")
            + gauge("process_virtual_memory_bytes", "Memory that is mapped.", "\(process.virtualBytes)")
            + gauge("process_open_fds", "Open descriptors.", "\(process.openDescriptors)")
            + gauge("process_max_fds", "Descriptors that may be open.", "\(process.descriptorsMax)")
    }
}
