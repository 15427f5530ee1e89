using System.Globalization;
using Caraway.Identity.Contracts;
using Caraway.Platform.Audit;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Caraway.Support.Files;

/// <summary>
/// <c>GET /api/v1/cases/export</c>: what the list with the same filters shows, oldest first, as one file. It streams: memory and
/// connections do not depend on the number of cases.
/// </summary>
internal static class ExportCases
{
    /// <summary>The file in the format json.</summary>
    public sealed record Response(IReadOnlyList<SupportCase.Response> Cases);

    public static async Task<Results<CaseDownload, Refusal>> Handle(
        [FileFormatWord] string? format, [AsParameters] CaseFilter.Query query, Caller caller, LinkedActors linked, AccessLog accesses,
        Database database, TimeProvider time, ILogger<CaseDownload> logger, CancellationToken cancel)
    {
        format = string.IsNullOrEmpty(format) ? FileFormat.Json : format;
        if (format is not (FileFormat.Json or FileFormat.Csv))
            return Refusal.InvalidQuery("format", "The format must be json or csv.");
        if (CaseFilter.Read(query, out var filter) is { } refusal)
            return refusal;
        var walk = new CaseWalk(filter, await SupportScope.Of(caller, linked, cancel), database);
        // The first page comes before the answer's status, so that most failures are answered as such.
        var first = await walk.Next(cancel);
        return accesses.Add(caller, SupportScope.Accessed(first)) is { } unrecorded
            ? unrecorded
            : new CaseDownload(walk, caller, accesses, logger)
            {
                Format = format, Name = FileName(format, time.GetUtcNow()), First = first,
            };
    }

    private static string FileName(string format, DateTimeOffset now) =>
        string.Create(CultureInfo.InvariantCulture, $"cases-{now:yyyyMMdd'T'HHmmss'Z'}.{format}");
}
