// A user-space sandbox from a caller's snapshot: its verbs are done again, in an order in which Linux allows
// them, and whatever Linux would refuse is a contradiction.

import AddressSpaces
import MSIWindows

extension UserSandbox {
    init(
        restoring snapshot: SessionSnapshot.Domain, at index: Int, _ quota: SessionQuota,
        _ context: inout DoorbellContext
    ) throws(SessionSnapshot.Fault) {
        let setup = snapshot.setup
        self.init(consumer: setup.consumer, source: setup.source, under: setup.conditions)
        guard snapshot.devices.count <= quota.devices else {
            throw .refused(domain: index, .full(.devices, max: quota.devices))
        }
        for device in snapshot.devices {
            guard !devices.contains(where: { $0.id == device.id }) else {
                throw .domain(index, member: "devices", "two devices have one id")
            }
            do {
                try attach(device, PreparedDevice(device.device, under: setup.conditions))
            } catch { throw .refused(domain: index, error) }
        }
        guard snapshot.mappings.count <= quota.mappings else {
            throw .refused(domain: index, .full(.mappings, max: quota.mappings))
        }
        for range in snapshot.mappings {
            guard let bytes = range.size else {
                throw .domain(index, member: "mappings", "a mapping of the whole space")
            }
            do {
                _ = try map(range.start.value, bytes: bytes, userAddress: 0)
            } catch {
                throw .refused(domain: index, error)
            }
        }
        guard snapshot.interrupts.count <= quota.doorbells else {
            throw .refused(domain: index, .full(.doorbells, max: quota.doorbells))
        }
        for interrupt in snapshot.interrupts {
            guard devices.indices.contains(interrupt.device) else {
                throw .domain(index, member: "interrupts", "there is no device \(interrupt.device)")
            }
            // A refusal is among them where a cookie at address 0 lost its first page.
            _ = try? map(
                PhysicalAddress(interrupt.physical), for: .device(devices[interrupt.device].id),
                context: &context)
        }
    }
}
