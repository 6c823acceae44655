// The machine that the server runs on as a platform of its own: read at the start and at each SIGHUP, and
// offered where its kernel has IOMMU groups. Reading is `iovad collect`'s and the readers' of any upload.

import API

struct OfferedHost {
    /// Of a copied tree; empty for this machine.
    private let root: String
    private let service: Service
    private let log: ServerLog

    init(root: String, _ service: Service, _ log: ServerLog) {
        self.root = root
        self.service = service
        self.log = log
    }

    /// Reads the host and offers it, or takes back what was offered before where nothing is left to offer.
    /// What was offered stays where the host cannot be read.
    func read() {
        let entry = MachineFiles.Entry(name: Service.hostID, source: .host(root: root))
        switch MachineFiles.read(entry) {
        case .failure(let error):
            let effect =
                service.offers(Service.hostID)
                ? "stays as it was read before" : "is not offered"
            log.say("\(Service.hostID) \(effect): \(Report.printable(error.line))")
        case .success(let machine) where machine.groups.isEmpty:
            service.withdraw(Service.hostID)
            // Most machines have no IOMMU; it is worth a line only where one was asked for.
            if !root.isEmpty { log.say("\(Service.hostID) is not offered: \(root) has no IOMMU group") }
        case .success(let machine):
            // The id is reserved: no client's platform is in the way.
            _ = service.offer(machine.platform, as: Service.hostID, readFrom: machine.bytes)
            log.say(
                "clients can read this host as platform \(Service.hostID) (IOMMU groups: "
                    + "\(machine.groups.count)); --no-host keeps it back")
            for note in machine.notes { log.say("\(Service.hostID): \(note)") }
        }
    }
}
