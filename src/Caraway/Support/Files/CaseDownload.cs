using System.Reflection;
using Caraway.Platform.Audit;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.Metadata;

namespace Caraway.Support.Files;

/// <summary>A file that is written while the database is read. When it cannot be completed, its connection breaks.</summary>
internal sealed partial class CaseDownload(CaseWalk walk, Caller caller, AccessLog accesses, ILogger logger)
    : IResult, IEndpointMetadataProvider
{
    /// <summary>Each waits for room in the access log, at most half a second.</summary>
    private const int MostTries = 60;

    public required string Format { get; init; }

    public required string Name { get; init; }

    /// <summary>Its access is recorded.</summary>
    public required IReadOnlyList<SupportCase.Fields> First { get; init; }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(
            StatusCodes.Status200OK, typeof(ExportCases.Response), [FileFormat.JsonType, FileFormat.CsvType]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = Format == FileFormat.Csv ? FileFormat.CsvType + "; charset=utf-8; header=present" : FileFormat.JsonType;
        response.Headers.ContentDisposition = $"attachment; filename=\"{Name}\"";
        try
        {
            await Write(response.Body, httpContext.RequestAborted);
        }
        catch (Exception e) when (response.HasStarted)
        {
            if (!httpContext.RequestAborted.IsCancellationRequested)
                LogBroken(e, httpContext.TraceIdentifier);
            // The missing end of the chunked body tells the reader that the file is not whole.
            httpContext.Abort();
        }
    }

    private async Task Write(Stream body, CancellationToken cancel)
    {
        await using var writer = CaseWriter.Create(Format, body);
        await writer.Begin(cancel);
        for (var page = First; ; page = await NextRecorded(cancel))
        {
            foreach (var row in page)
                await writer.Write(row, cancel);
            if (walk.IsEnded)
                break;
        }

        await writer.End(cancel);
    }

    /// <summary>Reads a page and records the access to it, so that nothing is shown that is not recorded.</summary>
    private async Task<IReadOnlyList<SupportCase.Fields>> NextRecorded(CancellationToken cancel)
    {
        var page = await walk.Next(cancel);
        for (var tries = 1; ; tries++)
        {
            await accesses.WaitForRoom(cancel);
            cancel.ThrowIfCancellationRequested();
            if (accesses.Add(caller, SupportScope.Accessed(page)) is not { } refusal)
                return page;
            if (tries == MostTries)
                throw new InvalidOperationException(refusal.Detail);
        }
    }

    [LoggerMessage(110, LogLevel.Error, "An export broke in the middle; its connection was closed. Request {RequestId}.")]
    private partial void LogBroken(Exception exception, string requestId);
}
