// Exported state. Lists of numbers that may be long are flat, and in the compact form a session of any size
// fits into a request body; StateText writes them while the client reads.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

extension JSONWriter {
    /// What POST /v1/sessions reads back.
    mutating func sessionState(_ snapshot: SessionSnapshot, _ lists: StateLists) {
        member("id", snapshot.id)
        member("kernel", kernel: snapshot.kernel)
        member("kernel_from", snapshot.kernelOrigin.rawValue)
        member("revision", Int(snapshot.revision))
        member("ttl_seconds", snapshot.ttlSeconds)
        array("doorbell_context") { writer in
            for page in snapshot.context {
                writer.object { writer in
                    writer.member("window", hex: page.window)
                    writer.member("physical", hex: page.physical)
                    writer.member("number", Int(page.number))
                }
            }
        }
        array("domains") { writer in
            for domain in snapshot.domains { writer.object { $0.domainState(domain, lists) } }
        }
    }

    /// One domain of it.
    mutating func domainState(_ domain: SessionSnapshot.Domain, _ lists: StateLists) {
        domainHead(domain.setup)
        object("aperture") { writer in
            let aperture = domain.setup.conditions.aperture
            writer.ends(aperture.start.value, aperture.last.value)
        }
        array("devices") { writer in
            for device in domain.devices {
                writer.describedDevice(device, under: domain.setup.conditions)
            }
        }
        if let allocator = domain.allocator {
            array("reserved_regions") { writer in
                for region in domain.regions {
                    writer.object { writer in
                        writer.ends(region.range.start.value, region.range.last.value)
                        var region = region
                        region.provenance = ReservedRegion.describedProvenance(region.provenance)
                        writer.regionMembers(region)
                    }
                }
            }
            array("doorbells") { writer in
                for page in domain.doorbells {
                    writer.object { writer in
                        writer.member("physical", hex: page.physical)
                        writer.member("page", hex: page.iova)
                    }
                }
            }
            object("allocator") { $0.allocator(allocator, lists) }
        } else {
            mappings(domain.mappings, lists)
            array("interrupts") { writer in
                for interrupt in domain.interrupts {
                    writer.object { writer in
                        writer.member("physical", hex: interrupt.physical)
                        writer.member("device", interrupt.device)
                    }
                }
            }
        }
    }

    /// In the compact form pairs, as `ranges` of an allocator.
    private mutating func mappings(_ mappings: [IOVARange], _ lists: StateLists) {
        key("mappings")
        switch lists.form {
        case .plain:
            array { writer in
                for range in mappings { writer.object { $0.ends(range.start.value, range.last.value) } }
            }
        case .compact:
            numbers(.plain(mappings.flatMap { [$0.start.value, $0.last.value] }), lists)
        }
    }

    private mutating func allocator(_ allocator: SessionSnapshot.Allocator, _ lists: StateLists) {
        let state = allocator.state
        member("start_pfn", hex: state.startPFN)
        member("online_cpus", state.onlineCPUs)
        member("cached32_node", hex: state.hint32)
        member("cached_node", hex: state.hint64)
        member("max32_alloc_size", hex: state.memo)
        key("ranges")
        numbers(.ranges(state.ranges), lists)
        array("size_classes") { writer in
            for sizeClass in state.sizeClasses {
                writer.object { writer in
                    writer.key("loaded")
                    writer.numbers(.plain(sizeClass.loaded), lists)
                    writer.key("previous")
                    writer.numbers(.plain(sizeClass.previous), lists)
                    writer.array("depot") { writer in
                        for magazine in sizeClass.depot {
                            writer.numbers(.plain(magazine), lists)
                        }
                    }
                    writer.member("armed", sizeClass.isArmed)
                }
            }
        }
        object("notes") { writer in
            for kind in SessionSnapshot.Note.Kind.allCases {
                let notes = allocator.notes.filter { $0.kind == kind }
                writer.key(text: kind.rawValue)
                writer.numbers(.plain(notes.flatMap { [$0.hi, $0.pages] }), lists)
            }
        }
        array("hardware_msi") { writer in
            for range in allocator.hardware {
                writer.object { $0.ends(range.start.value, range.last.value) }
            }
        }
        array("gave_up_below_4g") { writer in
            for member in allocator.givenUp where member >= 0 { writer.int(member) }
        }
        member("unattached_gave_up_below_4g", allocator.givenUp.contains(-1))
        member("errno", orNull: allocator.errno?.rawValue)
    }

    /// All that attaching the device elsewhere depends on.
    private mutating func describedDevice(_ device: SessionDevice, under conditions: Conditions) {
        object { writer in
            writer.member("id", device.id)
            if let platform = device.platform { writer.member("platform", platform) }
            if let group = device.device.groupID { writer.member("group", group) }
            writer.facts(device.unusedFacts, as: "unused_host_facts")
            writer.object("description") { writer in
                writer.member("id", device.device.id)
                writer.member("kind", device.device.kind.rawValue)
                writer.member("dma_limit", hex: device.device.dmaLimit)
                writer.member("smmus", strings: device.device.smmus)
                writer.array("pci_windows") { writer in
                    device.device.pciWindows.forEach { writer.pciWindow($0) }
                }
                writer.windowsKnown(of: device.device)
                writer.firmwareKnown(of: device.device)
                writer.array("dma_ranges") { writer in
                    for window in device.device.inboundWindows {
                        writer.object { writer in
                            writer.member("bus", hex: window.busStart)
                            writer.member("cpu", hex: window.cpuStart)
                            writer.member("size", hex: window.size)
                        }
                    }
                }
                writer.array("reserved_regions") { writer in
                    for withheld in device.device.withheldRegions(under: conditions) {
                        writer.object { writer in
                            writer.ends(withheld.range.start.value, withheld.range.last.value)
                            writer.member("type", withheld.region.kind.wireName)
                            let words = device.provenance(of: withheld, under: conditions)
                            writer.member("provenance", ReservedRegion.describedProvenance(words))
                            if let why = withheld.notApplied { writer.member("not_applied", why.name) }
                        }
                    }
                }
                if let usable = device.device.usableRanges {
                    // All but what they were found to leave out, so that nothing is compared a second time.
                    writer.array("iova_ranges") { writer in
                        for range in IOVASet(usable.gaps).complement().ranges {
                            writer.object { $0.ends(range.start.value, range.last.value) }
                        }
                    }
                }
            }
        }
    }

    /// As ranges are read: the last address and no size beside it.
    private mutating func ends(_ start: UInt64, _ last: UInt64) {
        member("start", hex: start)
        member("last", hex: last)
    }
}
