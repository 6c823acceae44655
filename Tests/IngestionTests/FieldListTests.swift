// Lists of regions and groups as people pasted them: the reference data's field cases of these kinds, and
// texts of our own that vary them.

import Machines
import TestSupport
import Testing

@testable import Ingestion

@Suite struct FieldListTests {
    private func read(_ bytes: [UInt8]) throws -> Platform {
        var findings = FindingList()
        #expect(InputKind.sniff(bytes) == .sysfs)
        return try SysfsReader.read(bytes, nil, &findings)
    }

    private func read(_ text: String) throws -> Platform { try read(Array(text.utf8)) }

    private static let d05: [UInt64] = [0x800_0000, 0xc601_0000]

    @Test(
        .enabled(if: SharedShelf.isPresent),
        arguments: [
            ("r02-d05-crlf", ["group:0"], [d05]), ("r03-d05-prompt", ["group:3"], [d05]),
            ("r04-grep", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r05-tail", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r06-groups-script", ["group:0", "group:3"], [[0x800_0000], d05]),
            ("r07-wrapped-prompt", ["0015:01:00.0"], [[0x800_0000]]),
            ("r09-amd-x86", ["group:0"], [[0xfee0_0000, 0xfd_0000_0000]]),
        ] as [(String, [String], [[UInt64]])])
    func casesAreRead(name: String, devices: [String], regions: [[UInt64]]) throws {
        let platform = try read(SharedShelf.bytes("data/field/\(name).txt"))
        #expect(platform.devices.map(\.id) == devices)
        #expect(platform.devices.map { $0.reportedRegions?.map(\.start) } == regions)
    }

    @Test func listingsHaveDevices() throws {
        let text = """
            IOMMU Group 0:
            \t00:00.0 Host bridge [0600]: A Vendor Root Complex [1d0f:0001]
            \t\tKernel driver in use: pcieport
            \t0001:01:00.0 Ethernet controller [0200]
            IOMMU Group 7 0002:03:00.0 Network controller
            ### Group 8 ###
                04:00.0 USB controller
            Group:  9   0000:05:00.0 Serial bus controller
            iommu group 12: 1d84000.ufshc
            """
        let platform = try read(text)
        #expect(
            platform.devices.map(\.id) == [
                "group:0", "0000:00:00.0", "0001:01:00.0", "group:7", "0002:03:00.0", "group:8",
                "0000:04:00.0",
                "group:9", "0000:05:00.0", "group:12",
            ])
        #expect(platform.devices.allSatisfy { $0.reportedRegions == nil })
        #expect(platform.findings.map(\.code).contains("reserved-regions-unknown"))
    }

    @Test func foldersAndListingsMeetRegions() throws {
        let text = """
            /sys/kernel/iommu_groups/3/devices/0000:01:00.0
            /sys/kernel/iommu_groups/4/devices:
            total 0
            lrwxrwxrwx 1 root root 0 Nov 29 10:00 0000:02:00.0 -> ../../../../devices/pci0000:00/0000:02:00.0
            ==> /sys/kernel/iommu_groups/3/reserved_regions <==
            0x0000000008000000 0x00000000080fffff msi
            ==> /sys/kernel/iommu_groups/4/reserved_regions <==
            0x00000000c6010000 0x00000000c601ffff msi
            """
        let platform = try read(text)
        #expect(platform.devices.map(\.id) == ["group:3", "0000:01:00.0", "group:4", "0000:02:00.0"])
        #expect(
            platform.devices.map { $0.reportedRegions?.map(\.start) } == [
                [0x800_0000], [0x800_0000], [0xc601_0000], [0xc601_0000],
            ])
    }

    @Test func groupsOfLspciAreNoListing() {
        let text = "0002:00:01.0 PCI bridge: A Vendor Root Port (rev 04)\n\tIOMMU group: 12\n"
        #expect(InputKind.sniff(Array(text.utf8)) == .pciListing)
    }

    @Test func promptsNameGroups() throws {
        let region = "0x0000000008000000 0x00000000080fffff msi\n"
        for (text, id) in [
            (
                "root@juno:~# cat /sys/kernel/iommu_groups/3/reserved_regions\n\(region)root@juno:~#",
                "group:3"
            ),
            ("[me@host ~]$ sudo cat /sys/kernel/iommu_groups/14/reserved_regions\n\(region)", "group:14"),
            ("root@host:/sys/kernel/iommu_groups# cat 5/reserved_regions\n\(region)", "group:5"),
            ("cat /sys/kernel/iommu_groups/6/reserved_regions\n\(region)", "group:6"),
            ("$ cat\n/sys/kernel/iommu_groups/7/reserved_regions\n\(region)", "group:7"),
            ("> > # cat /sys/kernel/iommu_groups/8/reserved_regions\n> > \(region)", "group:8"),
        ] {
            #expect(try read(text).devices.map(\.id) == [id], "\(text)")
        }
    }

    private static let line = "0x0000000008000000 0x00000000080fffff msi\n"

    /// Paths from the folder that the prompt or an earlier command says.
    @Test(arguments: [
        ("# cat 1/reserved_regions\n", "group:1"), ("$ cat ./12/reserved_regions\n", "group:12"),
        ("$ sudo cat iommu_groups/3/reserved_regions 2>/dev/null\n", "group:3"),
        ("cat 4/reserved_regions\n", "group:4"),
        ("root@h:/sys/kernel/iommu_groups/5# cat reserved_regions\n", "group:5"),
        ("root@h:/sys/kernel/iommu_groups/5/devices# cat ../reserved_regions\n", "group:5"),
        ("[root@h 6]# cat reserved_regions\n", "group:6"),
        ("user@h /s/k/iommu_groups/7> cat reserved_regions\n", "group:7"),
        ("➜  8 cat reserved_regions\n", "group:8"), ("➜  iommu_groups cat 9/reserved_regions\n", "group:9"),
        ("# cd /sys/kernel/iommu_groups\n# cd 10\n# cat reserved_regions\n", "group:10"),
        ("# cd /sys/kernel/iommu_groups/11 && cat reserved_regions\n", "group:11"),
        ("# cd /sys/kernel/iommu_groups/11/; cd ../12\n# tail reserved_regions | head\n", "group:12"),
        ("$ sudo sh -c 'cat /sys/kernel/iommu_groups/13/reserved_regions'\n", "group:13"),
        ("# cat\n14/reserved_regions\n", "group:14"), ("iommu_groups/15/reserved_regions:\n", "group:15"),
        (
            "host% cd /sys/bus/pci/devices/0001:02:00.0/iommu_group\nhost% cat reserved_regions\n",
            "0001:02:00.0"
        ),
        ("# cd /sys/bus/pci/devices/0001:02:00.0\n# cat iommu_group/reserved_regions\n", "0001:02:00.0"),
    ])
    func relativePathsNameGroups(command: String, id: String) throws {
        let platform = try read(command + Self.line)
        #expect(platform.devices.map(\.id) == [id], "\(command)")
        #expect(!platform.findings.map(\.code).contains("group-number-unknown"), "\(command)")
    }

    /// What a text does not say is said of the text.
    @Test(arguments: [
        "", "# cat reserved_regions\n", "# cat $d/reserved_regions\n", "==> reserved_regions <==\n",
        "# cd $d\n# cat reserved_regions\n", "# cat /sys/kernel/iommu_groups/*/reserved_regions\n",
        "# cat 1/reserved_regions 2/reserved_regions\n",
        "root@h:/sys/kernel/iommu_groups/5# cd\nroot@h:~# cat reserved_regions\n",
    ])
    func numbersThatAreNotSaid(command: String) throws {
        let platform = try read(command + Self.line)
        #expect(platform.devices.map(\.id) == ["group:0"], "\(command)")
        #expect(platform.findings.map(\.code).contains("group-number-unknown"), "\(command)")
        // Beside a group with a number it is another, and so is the next one.
        let several = try read(
            "# cat /sys/kernel/iommu_groups/0/reserved_regions\n\(Self.line)"
                + "# cat $d/reserved_regions\n\(Self.line)# cat $e/reserved_regions\n\(Self.line)")
        #expect(several.devices.map(\.id) == ["group:0", "group:unnamed-1", "group:unnamed-2"])
    }

    /// What loops print in front of each file, in one line or in several.
    @Test func loopsNameGroups() throws {
        let names: [(Int) -> String] = [
            { "/sys/kernel/iommu_groups/\($0)" }, { "/sys/kernel/iommu_groups/\($0)/:" }, { "\($0)" },
            { "\($0):" }, { "./\($0)/" }, { "group \($0)" }, { "Group: \($0)" }, { "== \($0) ==" },
            { "IOMMU Group \($0):" }, { "iommu_group \($0)" }, { "--- group \($0) ---" },
        ]
        let loops = [
            "", "ampere% for d in *; do echo $d; cat $d/reserved_regions; done\nampere% \n",
            "for d in *; do echo $d; cat $d/reserved_regions; done\n",
            "$ for d in *; do\n> echo $d\n> cat $d/reserved_regions\n> done\n",
            "host% for d in *\nfor> do echo $d; cat $d/reserved_regions; done\n",
        ]
        for name in names {
            for loop in loops {
                for ids in [[0, 1, 10], [1, 2, 3, 4], [7]] {
                    let text = loop + ids.map { name($0) + "\n" + Self.line }.joined()
                    let platform = try read(text)
                    #expect(platform.devices.map(\.id) == ids.map { "group:\($0)" }, "\(text)")
                    #expect(platform.devices.allSatisfy { $0.reportedRegions?.count == 1 }, "\(text)")
                }
            }
        }
        let tree = try read(
            ".:\n/sys/kernel/iommu_groups:\n0\n".split(separator: "\n").dropFirst().joined(separator: "\n")
                + "\n/sys/kernel/iommu_groups/3:\ndevices  name  reserved_regions  type\n\n"
                + "/sys/kernel/iommu_groups/3/devices:\n0000:01:00.0\n")
        #expect(tree.devices.map(\.id) == ["group:3", "0000:01:00.0"])
    }

    /// What else stands in a terminal around the files of groups.
    @Test(arguments: [
        ("# cat 3/reserved_regions; echo $?\n\(line)0\n", ["group:3"]),
        (
            "# cat 3/reserved_regions\n\(line)# uname -r\n6.6.0\n# ls /sys/kernel/iommu_groups\n0  1  2\n",
            ["group:3"]
        ),
        (
            "# pushd /sys/kernel/iommu_groups/3\n/sys/kernel/iommu_groups/3 ~\n# cat reserved_regions\n\(line)",
            ["group:3"]
        ),
        ("# cat 3/reserved_regions\n\(line)# sh other.sh\n\(line)", ["group:3", "group:0"]),
        ("PS C:\\> ssh host cat /sys/kernel/iommu_groups/4/reserved_regions\n\(line)", ["group:4"]),
        ("C:\\Users\\me>ssh host cat /sys/kernel/iommu_groups/4/reserved_regions\n\(line)", ["group:4"]),
        ("%cat 3/reserved_regions\n\(line)", ["group:3"]),
        ("#cat /sys/kernel/iommu_groups/5/reserved_regions\n\(line)", ["group:5"]),
        ("0: \(line)1: \(line)2: \(line)", ["group:0", "group:1", "group:2"]),
        ("group 1: \(line)group 2: \(line)\(line.replacing("08", with: "09"))", ["group:1", "group:2"]),
        (
            "$ ls /sys/kernel/iommu_groups/4/devices/\n0000:01:00.0  0000:01:00.1\n$ cat "
                + "/sys/kernel/iommu_groups/4/reserved_regions\n\(line)",
            ["group:4", "0000:01:00.0", "0000:01:00.1"]
        ),
        (
            "$ cat 3/reserved_regions\ncat: 3/reserved_regions: Permission denied\n$ sudo cat 3/reserved_regions\n\(line)",
            ["group:3"]
        ),
    ])
    func linesAround(text: String, ids: [String]) throws {
        let platform = try read(text)
        #expect(platform.devices.map(\.id) == ids, "\(text)")
        #expect(platform.devices.allSatisfy { $0.reportedRegions?.isEmpty == false }, "\(text)")
        let isSaid = platform.findings.contains { $0.detail.contains("that other commands printed") }
        #expect(isSaid == ["6.6.0", "~\n", "Permission denied"].contains { text.contains($0) }, "\(text)")
    }

    /// A file that was only listed, or could not be read, is not an empty one.
    @Test(arguments: [
        "# cat /sys/kernel/iommu_groups/3/reserved_regions\ncat: /sys/kernel/iommu_groups/3/reserved_regions: Permission denied\n",
        "$ find /sys/kernel/iommu_groups -type f\n/sys/kernel/iommu_groups/3/reserved_regions\n/sys/kernel/iommu_groups/3/type\n",
    ])
    func filesThatWereNotPrinted(text: String) throws {
        let platform = try read(text)
        #expect(platform.devices.map(\.id) == ["group:3"] && platform.devices[0].reportedRegions == nil)
        #expect(platform.findings.map(\.code).contains("reserved-regions-unknown"))
    }

    @Test(.enabled(if: SharedShelf.isPresent), arguments: ["altra-prompt", "altra-crlf", "altra-indented"])
    func iomemCasesAreRead(name: String) throws {
        var findings = FindingList()
        let whole = try IOMemText.read(SharedShelf.bytes("data/field/acpi/altra.iomem"), &findings)
        let bytes = SharedShelf.bytes("data/field/acpi/\(name).iomem")
        #expect(InputKind.sniff(bytes) == .iomem)
        let content = try IOMemText.read(bytes, &findings)
        #expect(content.pciWindows == whole.pciWindows && content.memory == whole.memory)
        #expect(whole.pciWindows[2]?.first?.busStart == 0x800_0000)
    }

    /// Other commands and files around /proc/iomem; damage inside it is still refused.
    @Test func linesAroundIOMem() throws {
        let own = "08000000-0fffffff : PCI Bus 0002:00\n90000000-91ffffff : System RAM\n"
        for text in [
            "# uname -r\n6.6.0\n# cat /proc/iomem\n\(own)# uname -r\n6.6.0\n",
            "$ cat /proc/iomem\ncat: /proc/iomem: Permission denied\n$ sudo cat /proc/iomem\n\(own)",
            "==> /proc/cmdline <==\nroot=/dev/sda\n==> /proc/iomem <==\n\(own)\n==> /proc/version <==\nLinux\n",
            "/proc/iomem:\n\(own)",
        ] {
            var findings = FindingList()
            let content = try IOMemText.read(Array(text.utf8), &findings)
            #expect(content.pciWindows[2]?.count == 1 && content.memory.count == 1, "\(text)")
            #expect(findings.findings.map(\.code).contains("text-cleaned"))
        }
        for text in [
            "# cat /proc/iomem\n\(own)6.6.0\n\(own)", "\(own)x",
            "$ cat /proc/iomem\ncat: /proc/iomem: Permission denied\n",
        ] {
            var findings = FindingList()
            #expect(throws: TextError.self, "\(text)") { try IOMemText.read(Array(text.utf8), &findings) }
        }
    }

    @Test(.enabled(if: SharedShelf.isPresent)) func bootLogIsNoJSON() {
        let bytes = SharedShelf.bytes("data/field/acpi/altra-dmesg.txt")
        #expect(InputKind.sniff(bytes) != .json)
        for text in [
            "{1}[Hardware Error]: x", "[    0.000000] Booting Linux", "[Mon Jan 12 10:11:12 2026] x",
            "[ C0] x", "[drm] x",
        ] {
            #expect(InputKind.sniff(Array(text.utf8)) != .json, "\(text)")
        }
        for text in ["{", "{}", " {\"a\": 1}", "[]", "[1, 2]", "[1]", "[\"a\"]", "[true]", "[", "{a"] {
            #expect(InputKind.sniff(Array(text.utf8)) == .json, "\(text)")
        }
    }
}
