// What holds for every rendering of every placement: a text or a reason, the window of the placement in it,
// and nothing that the mechanism does not have.

import AddressSpaces
import Foundation
import LinuxReleases
import MSIWindows
import Machines
import TestSupport
import Testing

@testable import Fleet

@Suite struct RenderingPropertyTests {
    /// Every format, every VMM, with and without the posted options.
    @Test func everyFormatIsATextOrAReason() throws {
        var generator = SeededGenerator.forTest("everyFormatIsATextOrAReason", fallback: 1907)
        var texts: [Rendering.Format: Int] = [:]
        var refusals: [Rendering.Format: Int] = [:]
        for round in 0..<6_000 {
            let vmm = VMM.allCases[round % VMM.allCases.count]
            let capabilities: Set<HostCapability> = round % 3 == 0 ? [.softwareMSIOptions] : []
            let asked = AskedPlacement.random(&generator, vmm, capabilities)
            var given: [Rendering.Format] = []
            for format in Rendering.Format.allCases {
                do throws(Rendering.Refusal) {
                    let text = try Rendering.text(
                        format, of: asked.placement, guest: asked.question.guest,
                        window: asked.question.window, hosts: asked.question.hosts.map(\.name))
                    given.append(format)
                    texts[format, default: 0] += 1
                    expectSound(text, format, asked, "\(round) \(vmm) \(format)")
                } catch {
                    refusals[format, default: 0] += 1
                    let because = error.because
                    #expect(
                        because.first?.isUppercase == true || because.hasPrefix("crosvm")
                            || because.hasPrefix("kvmtool") || because.hasPrefix("libvirt"), "\(because)")
                    #expect(because.hasSuffix("."), "\(because)")
                }
            }
            #expect(asked.placement.renderings == given, "\(round) \(vmm)")
            let kind = asked.placement.mechanism.kind
            #expect((kind == .none || kind == .notNeeded) ? given.isEmpty : true, "\(round)")
        }
        print(
            "renderings: \(texts.map { "\($0.key.rawValue) \($0.value)" }.sorted().joined(separator: ", "))")
        for format in Rendering.Format.allCases {
            #expect(texts[format, default: 0] > 10, "\(format): \(texts)")
            #expect(refusals[format, default: 0] > 20, "\(format): \(refusals)")
        }
    }

    private func expectSound(
        _ text: String, _ format: Rendering.Format, _ asked: AskedPlacement, _ place: Comment
    ) {
        #expect(
            text.hasSuffix("\n") && text.utf8.allSatisfy { $0 == 10 || $0 == 9 || (32..<127).contains($0) },
            place)
        let mechanism = asked.placement.mechanism.kind
        #expect((format == .iommuOption) == text.contains("iommu_option "), place)
        if format == .iommuOption || text.contains("Configurable") {
            #expect(mechanism == .iommufdOptions, place)
        }
        if mechanism == .iommufdOptions {
            #expect(asked.question.hosts.allSatisfy { $0.capabilities.contains(.softwareMSIOptions) }, place)
        }
        guard let vm = try? asked.rendered else {
            Issue.record(place)
            return
        }
        // Nothing of the guest is in the window that it is given.
        #expect(!vm.guest.occupied.contains { $0.range.overlaps(vm.window) }, place)
        if vm.remedy != nil {
            #expect(mechanism == .vmmLayout, place)
            let again = AskedPlacement(
                vm.guest, asked.question.facts, asked.question.window)
            #expect(
                vm.remedy?.includes(.stealTimeOff) == true || again.placement.verdict == .defaultWorks, place)
        }
        let window = vm.window
        switch format {
        case .qemu, .cloudHypervisor, .crosvm, .kvmtool, .libvirt, .openvmm:
            #expect(text.contains("MSI window: \(window.text)"), place)
            if let remedy = vm.remedy { #expect(text.contains(remedy.text), place) }
        case .iommuOption:
            #expect(text.contains(".val64 = \(window.start.hex), /* bytes */"), place)
            #expect(text.contains(".val64 = \(window.size! >> 20), /* MiB */"), place)
        case .iortRMR:
            #expect(text.contains(HexLiteral.digits(window.start.value, atLeast: 16).uppercased()), place)
        case .deviceTree: #expect(text.contains("msi-window@\(HexLiteral.digits(window.start.value))"), place)
        case .shell:
            #expect(text.contains("start=\(HexLiteral.digits(window.start.value, atLeast: 16))"), place)
        case .firecracker:
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String: Int]]
            #expect(
                object?["machine-config"]?["mem_size_mib"] == vm.guest.shape.map { Int($0.ram >> 20) }, place)
        case .kubernetes:
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let data = object?["data"] as? [String: String]
            #expect(
                data?["window.start"] == window.start.hex && data?["window.last"] == window.last.hex, place)
            #expect(data?["mechanism"] == mechanism.rawValue, place)
            let name = (object?["metadata"] as? [String: Any])?["name"] as? String
            #expect(name == data?["digest"].map { "msi-window-\($0)" }, place)
        }
    }

    /// Of every modelled release: without a host that states them, nothing speaks of the options.
    @Test(arguments: KernelRelease.allCases) func noKernelHasTheOptionsByItself(release: KernelRelease) throws
    {
        var generator = SeededGenerator.forTest("noKernelHasTheOptionsByItself", fallback: 1908)
        let conditions = Conditions(kernel: KernelProfile(release))
        for round in 0..<240 {
            let asked = AskedPlacement.random(
                &generator, VMM.allCases[round % VMM.allCases.count], under: conditions)
            #expect(asked.placement.mechanism.kind != .iommufdOptions)
            #expect(asked.refusal(.iommuOption) != nil)
            for format in asked.placement.renderings {
                let text = try asked.text(format)
                #expect(
                    !text.contains("IOMMU_OPTION") && !text.contains("Configurable"), "\(release) \(format)")
            }
        }
    }

    /// The digest belongs to the promise: another window, VM or host is another object, the same the same.
    @Test func digestsTellPromisesApart() throws {
        let names = try [
            AskedPlacement(.qemuVirt, 4 << 30), AskedPlacement(.qemuVirt, 8 << 30),
            AskedPlacement(.crosvm, 4 << 30),
            AskedPlacement(.openVMMLinux, 4 << 30, viommu: .nestedSMMUv3),
        ].map { try $0.text(.kubernetes) }
        #expect(Set(names).count == names.count)
        let asked = AskedPlacement(.qemuVirt, 4 << 30)
        #expect(try asked.text(.kubernetes) == names[0])
        let other = try Rendering.text(
            .kubernetes, of: asked.placement, guest: asked.question.guest, window: asked.question.window,
            hosts: asked.question.hosts.map(\.name) + ["\"1\""])
        #expect(other != names[0])
    }

    @Test func whatCannotBeExpressedIsOneSentence() {
        let moved = AskedPlacement(.qemuVirt, 4 << 30, viommu: .none, [.softwareMSIOptions]) { _ in }
        #expect(moved.refusal(.qemu) == nil)
        #expect(moved.refusal(.iommuOption) == "Linux's own window works: no option is needed.")
        #expect(
            moved.refusal(.crosvm)
                == "The VM is one of QEMU virt (virt-7.2 and later) (qemu-virt), not of crosvm.")
        let uefi = AskedPlacement(.openVMMUEFI, 4 << 30)
        #expect(uefi.refusal(.iommuOption)?.hasPrefix("No released kernel has") == true)
        #expect(uefi.refusal(.deviceTree)?.hasPrefix("The guest does not see the window") == true)
        let map = AskedPlacement(GuestDemand(map: []))
        #expect(map.refusal(.qemu) == "The guest is a memory map of its own, not a VM of QEMU.")
        #expect(map.placement.renderings == [.shell, .kubernetes])
        let xen = AskedPlacement(.xenGuest, 4 << 30)
        #expect(xen.refusal(.shell)?.hasPrefix("There is no window to render.") == true)
        let refused = AskedPlacement(.qemuVirt, 4 << 30, change: { $0.highmem = false })
        #expect(refused.refusal(.qemu)?.hasPrefix("There is no window to render.") == true)
    }

    /// What was applied stands in the text.
    @Test func layoutsAreThoseOfTheFirstRemedy() throws {
        let uefi = AskedPlacement(.openVMMUEFI, 4 << 30)
        #expect(uefi.placement.remedies.first == .otherMode(.openVMMLinux))
        let text = try uefi.text(.openvmm)
        #expect(text.hasPrefix("# OpenVMM, Linux direct boot"))
        #expect(text.contains("DeviceAssignmentMsiIova: Fixed 0x8000000..0x80fffff\n"))
        let hardware = ReservedRegion(
            kind: .reserved, start: 0x9000_0000, length: 0x1_0000, provenance: .caller("t"))
        let kvmtool = AskedPlacement(
            GuestDemand(.kvmtool, VMShape(ram: 1 << 30)), [AskedPlacement.host([hardware])])
        #expect(kvmtool.placement.remedies.first == .ramBase(0x9001_0000))
        #expect(try kvmtool.arguments(.kvmtool) == ["-m", "1G@2359360K"])
    }
}
