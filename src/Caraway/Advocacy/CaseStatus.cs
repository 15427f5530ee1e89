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
