// The one place where a question becomes a decision. The switch over consumers is here and nowhere else.

extension Decision {
    /// Decides, telling each step to `recorder`. The recorder cannot change the decision.
    public static func decide<R: Recorder>(_ question: Question, recorder: inout R) -> Decision {
        var decision =
            switch question.consumer {
            case .dmaAPI: DMALayer.decide(question, &recorder)
            case .vfioType1, .iommufd: UserSpace.decide(question, &recorder)
            }
        decision.warnings = Array(decision.warnings.prefix(Self.warningsMax))
        return decision
    }

    /// Decides without an explanation.
    public static func decide(_ question: Question) -> Decision {
        var ignored = NoRecorder()
        return decide(question, recorder: &ignored)
    }
}
