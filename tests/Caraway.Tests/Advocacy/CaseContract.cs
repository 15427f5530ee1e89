namespace Caraway.Tests.Advocacy;

/// <summary>
/// The contract's table of transitions (docs/contracts/advocacy.md), written a second time so that the product does not test itself.
/// </summary>
internal static class CaseContract
{
    public static readonly string[] Statuses = ["NEW", "IN_REVIEW", "NEEDS_INFO", "SUBMITTED", "APPROVED", "DENIED", "CLOSED"];

    private static readonly Dictionary<string, string[]> Table = new(StringComparer.Ordinal)
    {
        ["NEW"] = ["IN_REVIEW", "CLOSED"],
        ["IN_REVIEW"] = ["NEEDS_INFO", "SUBMITTED", "CLOSED"],
        ["NEEDS_INFO"] = ["IN_REVIEW", "CLOSED"],
        ["SUBMITTED"] = ["APPROVED", "DENIED", "CLOSED"],
        ["APPROVED"] = ["CLOSED"],
        ["DENIED"] = ["CLOSED"],
        ["CLOSED"] = [],
    };

    public static string[] From(string status) => Table[status];

    /// <summary>The transitions that bring a new case to this status.</summary>
    public static string[] WayTo(string status) => status switch
    {
        "NEW" => [],
        "IN_REVIEW" or "CLOSED" => [status],
        "NEEDS_INFO" or "SUBMITTED" => ["IN_REVIEW", status],
        _ => ["IN_REVIEW", "SUBMITTED", status],
    };
}
