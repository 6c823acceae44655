// The three facts of an explained fault beside its verdict, and the machines that its address fits. Field
// names and their order are the contract's.

import JSON
import MSIWindows

extension JSONWriter {
    /// Members of an element of the answer to POST /v1/fault-explanations.
    mutating func faultFacts(_ explanation: FaultExplanation) {
        member("doorbell_write", explanation.doorbellWrite.rawValue)
        key("in_window")
        if let inWindow = explanation.inWindow { bool(inWindow) } else { null() }
        member("happened", explanation.happened.rawValue)
        if !explanation.machines.isEmpty { member("machines", strings: explanation.machines) }
    }
}
