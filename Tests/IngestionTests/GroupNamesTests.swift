// Members of a host's groups found in its firmware by their names: platform devices as Linux names nodes,
// functions by the segment of their host bridge, in collections, lists as text, boot logs and lspci. What is
// not found is told, and never taken for a device that firmware says nothing of.

import AddressSpaces
import Foundation
import Ingestion
import JSON
import Machines
import TestSupport
import Testing

@Suite struct GroupNamesTests {
    private typealias Part = (name: String, bytes: [UInt8])

    private static func platform(_ parts: [Part]) throws -> Platform {
        let problems = ProblemList(limit: 8)
        let limits = JSONLimits(bytesMax: 16 << 20, depthMax: 32, valuesMax: 1_000_000)
        let inputs = parts.map {
            InputPart(name: $0.name, bytes: $0.bytes, labelled: nil, isWhole: parts.count == 1)
        }
        let platform = try PlatformReader.read(inputs, .init(json: limits), problems)
        #expect(problems.isEmpty, "\(problems.problems)")
        return platform
    }

    private static let window = "0x0000000008000000 0x00000000080fffff msi"

    /// A collection without a description: a group for each device, with a place in sysfs where one is given.
    private static func collection(_ members: [(name: String, path: String?)]) -> Part {
        let groups = members.enumerated().map { number, member in
            let paths = member.path.map { ",\"paths\":[\"../../../../devices/\($0)\"]" } ?? ""
            return #"{"id":"\#(number)","devices":["\#(member.name)"]\#(paths),"#
                + #""reserved_regions":"\#(window)\n"}"#
        }
        let json =
            #"{"collected":{"format":1,"groups":[\#(groups.joined(separator: ","))],"notes":[]}}"#
        return ("c", Array(json.utf8))
    }

    private static func text(_ members: [String]) -> Part {
        let lines = members.enumerated().map { number, name in
            let folder = "/sys/kernel/iommu_groups/\(number)"
            return "\(folder)/devices/\(name)\n==> \(folder)/reserved_regions <==\n\(window)\n"
        }
        return ("groups", Array(lines.joined().utf8))
    }

    private static func log(_ members: [String]) -> Part {
        let lines = members.enumerated().map { "dev \($1): Adding to iommu group \($0)\n" }
        return ("dmesg", Array(lines.joined().utf8))
    }

    private static func listing(_ members: [String]) -> Part {
        let entries = members.enumerated().map { number, name in
            "\(name) Ethernet controller: Example Adapter\n\tIOMMU group: \(number)\n\n"
        }
        return ("lspci", Array(entries.joined().utf8))
    }

    /// Every kind of source that names members without their places.
    private static func sources(_ members: [String]) -> [Part] {
        [collection(members.map { ($0, nil) }), text(members), log(members)]
            + (members.allSatisfy { $0.contains(":00:") } ? [listing(members)] : [])
    }

    private static func told(_ platform: Platform) -> [String] {
        platform.findings.filter { $0.code == "firmware-unknown" }.map(\.detail)
    }

    private static func device(_ id: String, _ platform: Platform) throws -> Device {
        try #require(platform.devices.first { $0.id == id }, "\(platform.devices.map(\.id))")
    }

    // MARK: Functions

    /// Two bridges, the second with a PCI window over Linux's own; a node on each root bus.
    private static func twoBridges(_ domains: [UInt32?]) -> [UInt8] {
        DeviceTreeBuilder.board { root in
            for (place, domain) in domains.enumerated() {
                root.pciHost("pcie@\(4 + place)0000000", firstStream: UInt32(place) << 16) { node in
                    if let domain { node.cells("linux,pci-domain", domain) }
                    node.cells("ranges", 0x0200_0000, 0, 0x800_0000, 0, 0x6000_0000, 0, 0x100_0000)
                    node.child("dev@1,0") { function in
                        function.cells("reg", 0x800, 0, 0, 0, 0)
                        function.cells("memory-region", 0x99)
                    }
                }
            }
        }
    }

    private static let functions = ["0000:00:01.0", "0001:00:01.0"]

    @Test(arguments: [[0, 1], [nil, 1], [0x1_0000, 1]] as [[UInt32?]])
    func bridgesBySegment(domains: [UInt32?]) throws {
        for source in Self.sources(Self.functions) {
            let platform = try Self.platform([("t", Self.twoBridges(domains)), source])
            for (place, name) in Self.functions.enumerated() {
                let function = try Self.device(name, platform)
                let bridge = "/pcie@\(4 + place)0000000"
                #expect(function.hostBridge == bridge, "\(source.name) \(name)")
                #expect(function.pciWindows.count == 1 && !function.hasUnknownPCIWindows, "\(source.name)")
                #expect(function.streams.count == 1, "\(source.name): \(function.streams)")
                let node = try Self.device(bridge + "/dev@1,0", platform)
                #expect(node.sysfsName == name, "\(source.name) \(name)")
            }
            #expect(Self.told(platform).isEmpty, "\(source.name): \(platform.findings)")
        }
    }

    /// Nothing tells the bridges apart, or the tree has none of that segment.
    @Test(arguments: [([nil, nil], 2), ([1, 1], 2), ([0], 1), ([1], 1)] as [([UInt32?], Int)])
    func bridgesThatAreNotKnown(domains: [UInt32?], count: Int) throws {
        for source in Self.sources(Self.functions).prefix(2) {
            let platform = try Self.platform([("t", Self.twoBridges(domains)), source])
            let unknown = platform.devices.filter { $0.hasUnknownPCIWindows && $0.kind == .pciFunction }
            #expect(unknown.count == count, "\(source.name): \(unknown.map(\.id))")
            #expect(unknown.allSatisfy { $0.hostBridge == nil }, "\(source.name)")
            #expect(Self.told(platform).count == 1, "\(source.name): \(platform.findings)")
            for device in unknown {
                #expect(Self.told(platform)[0].contains(device.id), "\(Self.told(platform))")
            }
        }
    }

    @Test func rootComplexesBySegment() throws {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 1, [.init(0, 0xffff, 0, to: smmu)])
        for source in Self.sources(Self.functions).prefix(2) {
            let platform = try Self.platform([("iort", builder.table()), source])
            #expect(try Self.device(Self.functions[1], platform).hostBridge == "rc:1")
            #expect(try Self.device(Self.functions[0], platform).hasUnknownPCIWindows)
            #expect(Self.told(platform).count == 1, "\(source.name): \(platform.findings)")
            #expect(Self.told(platform).first?.contains(Self.functions[0]) == true)
        }
    }

    /// Below a bridge Linux numbers the buses: only the place in sysfs tells which node a function is.
    @Test func nodesFurtherDown() throws {
        let blob = DeviceTreeBuilder.board { root in
            root.pciHost("pcie@40000000") { node in
                node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
                node.child("bridge@1") { bridge in
                    bridge.cells("reg", 0x800, 0, 0, 0, 0)
                    bridge.strings("device_type", "pci")
                    bridge.cells("#address-cells", 3)
                    bridge.cells("#size-cells", 2)
                    bridge.child("nvme@0") { nvme in
                        nvme.cells("reg", 0x1_0000, 0, 0, 0, 0)
                        nvme.cells("memory-region", 0x99)
                    }
                }
            }
        }
        let name = "0000:01:00.0"
        for source in Self.sources([name]).prefix(3) {
            let platform = try Self.platform([("t", blob), source])
            #expect(Self.told(platform).first?.contains(name) == true, "\(source.name): \(platform.findings)")
            #expect(try Self.device(name, platform).hostBridge == "/pcie@40000000")
        }
        // No node is at such a place.
        let other = try Self.platform([("t", blob), Self.log(["0000:01:00.1"])])
        #expect(Self.told(other).isEmpty, "\(other.findings)")
        let path = "platform/40000000.pcie/pci0000:00/0000:00:01.0/\(name)"
        let placed = try Self.platform([("t", blob), Self.collection([(name, path)])])
        #expect(Self.told(placed).isEmpty, "\(placed.findings)")
        #expect(try Self.device("/pcie@40000000/bridge@1/nvme@0", placed).sysfsName == name)
    }

    // MARK: Platform devices

    /// Buses that translate, do not, or have no addresses, and what Linux makes of a master there.
    private static let names: [(path: String, name: String)] = [
        ("/soc/dma@1000", "a001000.dma"), ("/soc/gpu", "soc:gpu"), ("/top", "top"),
        ("/soc/mid@2000/dma@10", "a002010.dma"), ("/soc/mid@2000/vpu", "a002000.mid:vpu"),
        ("/closed/dma@1000", "closed:dma@1000"), ("/closed/in/dma", "closed:in:dma"),
        ("/DMA@c0ffee00", "c0ffee00.DMA"), ("/odd@5", "60000000.odd"),
    ]

    private static let buses: [UInt8] = DeviceTreeBuilder.board { root in
        var stream: UInt32 = 0
        func master(_ node: inout TreeNode) {
            stream += 1
            node.cells("iommus", 1, stream)
        }
        func oneCell(_ node: inout TreeNode) {
            node.cells("#address-cells", 1)
            node.cells("#size-cells", 1)
        }
        root.child("soc") { soc in
            oneCell(&soc)
            soc.cells("ranges", 0, 0, 0xa00_0000, 0x10_0000)
            soc.child("dma@1000") { node in
                node.cells("reg", 0x1000, 0x1000)
                master(&node)
            }
            soc.child("gpu") { master(&$0) }
            soc.child("mid@2000") { mid in
                oneCell(&mid)
                mid.cells("reg", 0x2000, 0x1000)
                mid.cells("ranges", 0, 0x2000, 0x1000)
                mid.child("dma@10") { node in
                    node.cells("reg", 0x10, 0x10)
                    master(&node)
                }
                mid.child("vpu") { master(&$0) }
            }
        }
        root.child("closed") { closed in
            oneCell(&closed)
            closed.child("dma@1000") { node in
                node.cells("reg", 0x1000, 0x1000)
                master(&node)
            }
            closed.child("in") { $0.child("dma") { master(&$0) } }
        }
        root.child("top") { master(&$0) }
        root.child("DMA@c0ffee00") { node in
            node.cells("reg", 0, 0xc0ff_ee00, 0, 0x100)
            master(&node)
        }
        // The unit of the name is not looked at.
        root.child("odd@5") { node in
            node.cells("reg", 0, 0x6000_0000, 0, 0x100)
            master(&node)
        }
    }

    @Test func platformDevicesByTheNamesOfLinux() throws {
        for source in Self.sources(Self.names.map(\.name)) {
            let platform = try Self.platform([("t", Self.buses), source])
            for (path, name) in Self.names {
                let node = try Self.device(path, platform)
                #expect(node.sysfsName == name, "\(source.name) \(path)")
                #expect(try Self.device(name, platform).streams == node.streams, "\(source.name) \(name)")
            }
            #expect(Self.told(platform).isEmpty, "\(source.name): \(platform.findings)")
            #expect(platform.devicesOnce.count == Self.names.count, "\(source.name)")
        }
    }

    /// Members that firmware does not have are told in one finding, those of a log where they share a group
    /// with one that it has.
    @Test func strangers() throws {
        let names = ["top", "1000.dma", "soc:nothing"]
        for source in Self.sources(names).prefix(2) {
            let platform = try Self.platform([("t", Self.buses), source])
            let told = Self.told(platform)
            #expect(told.count == 1, "\(source.name): \(platform.findings)")
            #expect(told.first?.contains("1000.dma, soc:nothing") == true, "\(told)")
            #expect(try Self.device("soc:nothing", platform).streams.isEmpty)
        }
        let apart = try Self.platform([("t", Self.buses), Self.log(names)])
        #expect(Self.told(apart).isEmpty && apart.findings.contains { $0.code == "log-devices-unknown" })
        let lines = names.map { "dev \($0): Adding to iommu group 7\n" }.joined()
        let together = try Self.platform([("t", Self.buses), ("dmesg", Array(lines.utf8))])
        #expect(Self.told(together).count == 1, "\(together.findings)")
        #expect(together.devicesOnce.filter { $0.groupNumber == 7 }.count == 3)
        #expect(together.devices.contains { $0.id == "group:7" })
        // Without a description there is nothing to be missed in.
        let alone = try Self.platform([Self.text(names)])
        #expect(Self.told(alone).isEmpty, "\(alone.findings)")
    }

    /// A node that is a bus and a device: the member of the group is the device.
    @Test func busesThatAreDevices() throws {
        let blob = DeviceTreeBuilder.board { root in
            root.child("host1x@13000000") { node in
                node.cells("reg", 0, 0x1300_0000, 0, 0x1000)
                node.cells("iommus", 1, 7)
                node.cells("iommu-map", 0, 1, 8, 8)
            }
        }
        let name = "13000000.host1x"
        let platform = try Self.platform([("t", blob), Self.collection([(name, nil)])])
        let nodes = platform.devices.filter { $0.id == "/host1x@13000000" }
        #expect(nodes.map(\.kind) == [.idMapBus, .platform] && nodes.map(\.sysfsName) == [nil, name])
        #expect(Self.told(platform).isEmpty, "\(platform.findings)")
        // What a driver makes on the bus is behind the bus.
        let context = "host1x-ctx.0"
        let below = try Self.platform([
            ("t", blob), Self.collection([(context, "platform/\(name)/\(context)")]),
        ])
        let device = try Self.device(context, below)
        #expect(device.kind == .platform && device.smmus == ["/iommu@1000"], "\(device)")
        #expect(Self.told(below).isEmpty, "\(below.findings)")
    }

    /// Nodes of one path have ids of their own.
    @Test func nodesOfOnePath() throws {
        let blob = DeviceTreeBuilder.board { root in
            for stream in [5, 6, 7] as [UInt32] { root.child("dma@1") { $0.cells("iommus", 1, stream) } }
            root.child("dma@1#1") { $0.cells("iommus", 1, 8) }
            for stream in [0x100, 0x200] as [UInt32] {
                root.pciHost("pcie@4000", firstStream: stream) { node in
                    node.child("dev@1,0") { function in
                        function.cells("reg", 0x800, 0, 0, 0, 0)
                        function.cells("memory-region", 0x99)
                    }
                }
            }
        }
        let platform = try Self.platform([("t", blob)])
        let ids = platform.devices.map(\.id)
        #expect(Set(ids).count == 8 && ids.count == 8, "\(ids)")
        #expect(platform.devices.first { $0.id == "/dma@1" }?.streams.map(\.kind) == [.specifier([5])])
        let functions = platform.devices.filter { $0.kind == .pciFunction }
        #expect(functions.map(\.hostBridge) == platform.devices.filter { $0.kind == .pciHost }.map(\.id))
        let told = platform.findings.filter { $0.code == "duplicate-node" }
        #expect(told.count == 5, "\(told)")
        for finding in told {
            #expect(ids.contains { finding.detail.contains("\"\($0)\"") }, "\(finding.detail)")
        }
    }

    /// The order of the tree numbers them, whoever is asked about first, and whatever the earlier ones are.
    @Test(arguments: ["dma", "plain", "smmu"], ["dma", "smmu", "its"])
    func nodesOfOnePathAreInOrder(first: String, second: String) throws {
        func write(_ kind: String, _ node: inout TreeNode, _ place: UInt32) {
            node.cells("reg", 0, place * 0x10_0000, 0, 0x2_0000)
            switch kind {
            case "dma": node.cells("iommus", 1, place)
            case "smmu":
                node.strings("compatible", "arm,smmu-v3")
                node.cells("#iommu-cells", 1)
            case "its":
                node.strings("compatible", "arm,gic-v3-its")
                node.flag("msi-controller")
            default: break
            }
        }
        let blob = DeviceTreeBuilder.board { root in
            root.child("x@1") { write(first, &$0, 0x800) }
            root.child("x@1") { write(second, &$0, 0x900) }
        }
        let platform = try Self.platform([("t", blob)])
        let ids = platform.devices.map(\.id) + platform.smmus.map(\.id) + platform.msiControllers.map(\.id)
        let named = ids.filter { $0.hasPrefix("/x@1") }
        #expect(Set(named) == Set(first == "plain" ? ["/x@1#1"] : ["/x@1", "/x@1#1"]), "\(named)")
        let isLater: Bool =
            switch second {
            case "dma": platform.devices.contains { $0.id == "/x@1#1" }
            case "smmu": platform.smmus.contains { $0.id == "/x@1#1" }
            default: platform.msiControllers.contains { $0.id == "/x@1#1" }
            }
        #expect(isLater, "\(ids)")
        #expect(platform.findings.filter { $0.code == "duplicate-node" }.count == 1, "\(platform.findings)")
    }

    /// A node is the same whoever names it: as a device, as a bus, or as a controller.
    @Test func nodesThatAreAskedForTwice() throws {
        let blob = DeviceTreeBuilder.board { root in
            for place in [2, 3] as [UInt32] {
                root.child("its@8080000") { node in
                    node.strings("compatible", "arm,gic-v3-its")
                    node.cells("reg", 0, 0x800_0000 + place * 0x10_0000, 0, 0x2_0000)
                    node.flag("msi-controller")
                    node.cells("#msi-cells", 1)
                    node.cells("phandle", place)
                }
            }
            for stream in [0, 1] as [UInt32] {
                root.child("host1x") { node in
                    node.cells("iommus", 1, stream)
                    node.cells("iommu-map", 0, 1, 0x10, 8)
                }
                root.pciHost("pcie@\(4 + stream)0000000") { $0.cells("msi-map", 0, 3, 0, 0x1_0000) }
            }
        }
        let platform = try Self.platform([("t", blob)])
        #expect(platform.msiControllers.map(\.id) == ["/its@8080000", "/its@8080000#1"])
        let hosts = platform.devices.filter { $0.kind == .pciHost }
        #expect(hosts.map(\.msiControllers) == [["/its@8080000#1"], ["/its@8080000#1"]])
        for kind in [Device.Kind.platform, .idMapBus] {
            let ids = platform.devices.filter { $0.kind == kind }.map(\.id)
            #expect(ids == ["/host1x", "/host1x#1"], "\(kind)")
        }
        #expect(platform.findings.filter { $0.code == "duplicate-node" }.count == 2)
    }

    /// Where sysfs says who is in a group, a log that has others is of another boot.
    @Test func logsOfOtherBoots() throws {
        let log: Part = ("dmesg", Array("pci 0000:00:02.0: Adding to iommu group 0\n".utf8))
        for source in [Self.collection([("0000:00:01.0", nil)]), Self.text(["0000:00:01.0"])] {
            let parts: [Part] = [("t", Self.twoBridges([0, 1])), source, log]
            for platform in [try Self.platform(parts), try Self.platform(parts.reversed())] {
                #expect(!platform.devices.contains { $0.id == "0000:00:02.0" }, "\(source.name)")
                let told = platform.findings.filter { $0.code == "log-groups-differ" }
                #expect(told.count == 1, "\(source.name): \(platform.findings)")
            }
        }
        // A group of which only the list is known has the log's members.
        let list = "==> /sys/kernel/iommu_groups/0/reserved_regions <==\n\(Self.window)\n"
        let bridges = Array("PCI host bridge to bus 0000:00\n".utf8)
        let joined = try Self.platform([("groups", Array(list.utf8)), ("dmesg", bridges + log.bytes)])
        #expect(joined.devices.contains { $0.id == "0000:00:02.0" && $0.groupNumber == 0 })
    }
}
