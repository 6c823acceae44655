// The one place where a question becomes a decision. The switch over consumers is here and nowhere else.

public import Platforms

extension Decision {
    /// Decides, telling each step to `recorder`. The recorder cannot change the decision.
    public static func decide<R: Recorder>(_ question: Question, recorder: inout R) -> Decision {
        switch question.consumer {
        case .vfioType1: VFIOType1.decide(question, &recorder)
        }
    }

    /// Decides without an explanation.
    public static func decide(_ question: Question) -> Decision {
        var ignored = NoRecorder()
        return decide(question, recorder: &ignored)
    }
}
