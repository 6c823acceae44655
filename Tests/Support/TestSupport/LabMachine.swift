// A machine as people would upload it: one device behind one SMMU, which may reserve a place where a window
// was promised.

public enum LabMachine {
    /// The machine as JSON.
    ///
    /// - Parameter start: where the device reserves 1 MiB; nil where it reserves nothing.
    public static func json(reserving start: String? = nil) -> String {
        let region = start.map { #"{"start":"\#($0)","size":"0x100000","type":"reserved"}"# } ?? ""
        return
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""active":true,"reserved_regions":[\#(region)]}]}"#
    }
}
