using System.Globalization;
using Caraway.Platform.Security;

namespace Caraway.Platform.Audit;

/// <summary>A row of <c>platform.access_log</c>, without its id.</summary>
/// <param name="At">UTC, whole microseconds.</param>
/// <param name="Ids">In PostgreSQL's array notation: <c>{1,2}</c>.</param>
internal sealed record AccessRecord(
    DateTime At, string Actor, string RequestId, string? Address, string Action, string? Reason, string Kind, string Ids,
    string? PatientIds);

/// <summary>An access that waits to be written.</summary>
internal sealed record Access(DateTime At, Caller Caller, string? Reason, AccessedRecords Records)
{
    public AccessRecord ToRecord() => new(
        At, Caller.Id, Caller.RequestId, Caller.Address, Caller.Action, Reason, Records.Kind,
        IdArray.Write(Records.Ids), Records.PatientIds is null ? null : IdArray.Write(Records.PatientIds));
}

/// <summary>Ids in PostgreSQL's array notation: <c>{1,2}</c>.</summary>
internal static class IdArray
{
    public static string Write(IEnumerable<long> ids) =>
        "{" + string.Join(',', ids.Select(id => id.ToString(CultureInfo.InvariantCulture))) + "}";

    /// <returns>Null when the text is not a flat list of ids.</returns>
    public static long[]? Parse(string array)
    {
        if (array is not ['{', .. var items, '}'])
            return null;
        var ids = new List<long>();
        foreach (var item in items.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!long.TryParse(item, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var id))
                return null;
            ids.Add(id);
        }

        return [.. ids];
    }
}
