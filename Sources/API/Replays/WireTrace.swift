// A reconstructed mapping trace as members of an answer.

import AddressSpaces
public import JSON
public import MSIWindows

extension JSONWriter {
    /// The answer to a kernel trace at POST /v1/replays.
    public mutating func traceMembers(_ trace: TraceReconstruction, lost: UInt64) {
        member("kind", "iommu_trace")
        object("events") { writer in
            writer.member("maps", trace.maps)
            writer.member("unmaps", trace.unmaps)
            writer.member("maps_dropped", trace.mapsDropped)
            writer.member("lost", Int(clamping: min(lost, JSONNode.exactIntegerMax)))
        }
        member("doorbell_guessed", trace.isDoorbellGuessed)
        array("domains") { writer in
            for (index, domain) in trace.domains.enumerated() { writer.domain(domain, index) }
        }
        array("attached") { writer in
            for attachment in trace.attached {
                writer.object { writer in
                    writer.member("line", attachment.line)
                    writer.member("device", attachment.device)
                }
            }
        }
    }

    private mutating func domain(_ domain: TracedDomain, _ index: Int) {
        object { writer in
            writer.member("index", index)
            writer.member("kind", domain.kind.rawValue)
            writer.member("maps", domain.maps)
            writer.member("unmaps", domain.unmaps)
            writer.member("live", domain.live)
            if let span = domain.span { writer.range("span", span) }
            writer.array("doorbells") { writer in domain.doorbells.forEach { writer.doorbell($0) } }
            writer.array("oddities") { writer in
                for oddity in domain.oddities {
                    writer.object { writer in
                        writer.member("line", oddity.line)
                        writer.member("iova", hex: oddity.iova.value)
                        writer.member("size", hex: oddity.size)
                        writer.member("reason", oddity.reason.rawValue)
                        writer.member("detail", oddity.detail)
                    }
                }
            }
            writer.member("oddities_dropped", domain.odditiesDropped)
        }
    }

    private mutating func doorbell(_ doorbell: TracedDomain.Doorbell) {
        object { writer in
            writer.member("line", doorbell.line)
            writer.member("physical", hex: doorbell.physical.value)
            writer.member("iova", hex: doorbell.iova.value)
            writer.member("page", hex: doorbell.page.value)
            writer.key("preceded_by")
            if let before = doorbell.precededBy {
                writer.object { writer in
                    writer.member("line", before.line)
                    writer.member("iova", hex: before.iova.value)
                    writer.member("physical", hex: before.physical.value)
                    writer.member("size", hex: before.size)
                }
            } else {
                writer.null()
            }
            writer.key("expected")
            if let expected = doorbell.expected { writer.hex(expected.value) } else { writer.null() }
        }
    }
}
