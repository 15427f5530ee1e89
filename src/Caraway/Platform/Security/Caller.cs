namespace Caraway.Platform.Security;

/// <summary>Who makes this request, as the audit trail will name it. Bound into handlers; never null on a route that needs a permission.</summary>
public sealed record Caller
{
    /// <summary>A stable name: <c>apikey:environment</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The request's id, as the answer's <c>X-Request-Id</c> says it.</summary>
    public required string RequestId { get; init; }

    /// <summary>The address that the request came from.</summary>
    public required string? Address { get; init; }

    /// <summary>The caller that authentication found. Minimal APIs call this to bind the parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) =>
        ValueTask.FromResult(context.Features.Get<Caller>());
}
