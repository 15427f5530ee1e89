using System.Text.Json;
using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>The fields of a case before it exists; null where neither the request nor a template gives one.</summary>
internal sealed record CaseDraft
{
    public string? Title { get; init; }

    public string? Description { get; init; }

    public string? SessionId { get; init; }

    public string? Severity { get; init; }

    public string? Category { get; init; }

    public JsonElement? Metadata { get; init; }

    public string[]? Tags { get; init; }

    public long? TemplateId { get; init; }

    /// <summary>What a template and a request cannot be together.</summary>
    public ProblemError? Fault { get; init; }

    public static CaseDraft From(CreateCase.Request request) => new()
    {
        Title = Trim(request.Title),
        Description = request.Description,
        SessionId = Trim(request.SessionId),
        Severity = request.Severity,
        Category = request.Category,
        Metadata = request.Metadata is { ValueKind: not JsonValueKind.Null } metadata ? metadata : null,
        Tags = request.Tags,
        TemplateId = request.TemplateId,
    };

    private static string? Trim(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
