using System.Text.Json;
using System.Text.Json.Serialization;

namespace Caraway.Platform.Http;

/// <summary>The body of every refusal and failure: RFC 9457, <c>application/problem+json</c>.</summary>
public sealed record Problem
{
    /// <summary>A URI for the kind of problem; <c>about:blank</c> means that the status says it.</summary>
    public string Type { get; init; } = "about:blank";

    /// <summary>The status's reason phrase.</summary>
    public required string Title { get; init; }

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>One plain sentence for people.</summary>
    public required string Detail { get; init; }

    /// <summary>A stable word for programs, listed in docs/api/README.md.</summary>
    public required string Code { get; init; }

    /// <summary>The request's id, as in <c>X-Request-Id</c> and the logs.</summary>
    [JsonPropertyName("traceId")]
    public required string TraceId { get; init; }

    /// <summary>On 422: every refused value.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ProblemError>? Errors { get; init; }

    /// <summary>Further members of some codes (RFC 9457, section 3.2), such as <c>case_id</c> on <c>external_reference_used</c>.</summary>
    /// <remarks>Not <c>init</c>: the source generator cannot bind extension data that way.</remarks>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Extensions { get; set; }
}

/// <summary>The place of a refused value, without the value itself.</summary>
/// <param name="Pointer">A JSON pointer (RFC 6901, as a URI fragment) into the body, or <c>#/name</c> for a query value or header.</param>
/// <param name="Detail">One plain sentence.</param>
public sealed record ProblemError(string Pointer, string Detail)
{
    /// <summary><c>query</c> or <c>header</c> for a value outside the body.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? In { get; init; }

    /// <summary>In a file: the line, from 1, on which the row begins.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Line { get; init; }
}
