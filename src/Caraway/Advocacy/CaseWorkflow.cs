using Caraway.Platform.Workflows;

namespace Caraway.Advocacy;

/// <summary>The legal transitions of a case (docs/contracts/advocacy.md): every status can go to CLOSED, and CLOSED is final.</summary>
internal static class CaseWorkflow
{
    public static Workflow Table { get; } = new(
        "advocacy.case",
        [
            CaseStatus.New, CaseStatus.InReview, CaseStatus.NeedsInfo, CaseStatus.Submitted, CaseStatus.Approved, CaseStatus.Denied,
            CaseStatus.Closed,
        ],
        [
            new(CaseStatus.New, CaseStatus.InReview),
            new(CaseStatus.New, CaseStatus.Closed),
            new(CaseStatus.InReview, CaseStatus.NeedsInfo),
            new(CaseStatus.InReview, CaseStatus.Submitted),
            new(CaseStatus.InReview, CaseStatus.Closed),
            new(CaseStatus.NeedsInfo, CaseStatus.InReview),
            new(CaseStatus.NeedsInfo, CaseStatus.Closed),
            new(CaseStatus.Submitted, CaseStatus.Approved),
            new(CaseStatus.Submitted, CaseStatus.Denied),
            new(CaseStatus.Submitted, CaseStatus.Closed),
            new(CaseStatus.Approved, CaseStatus.Closed),
            new(CaseStatus.Denied, CaseStatus.Closed),
        ]);
}
