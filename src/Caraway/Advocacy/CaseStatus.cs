using Caraway.Platform.Http;

namespace Caraway.Advocacy;

/// <summary>The words of a case's status, as stored and as answered.</summary>
internal static class CaseStatus
{
    public const string New = "NEW";
    public const string InReview = "IN_REVIEW";
    public const string NeedsInfo = "NEEDS_INFO";
    public const string Submitted = "SUBMITTED";
    public const string Approved = "APPROVED";
    public const string Denied = "DENIED";
    public const string Closed = "CLOSED";
}

/// <summary>Lists the statuses of a case in the OpenAPI document.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class CaseStatusWordAttribute : Attribute, IWords
{
    public IReadOnlyList<string> Words => CaseWorkflow.Table.Statuses;
}
