using System.Collections.Frozen;

namespace Caraway.Platform.Security;

/// <summary>Who makes this request, as the audit trail will name it. Bound into handlers; never null on a route that needs a permission.</summary>
public sealed record Caller
{
    /// <summary>A stable name: <c>user:5</c>, <c>apikey:7</c>, <c>apikey:environment</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What the credential permits: names of <see cref="Permission"/>.</summary>
    public required FrozenSet<string> Permissions { get; init; }

    /// <summary>The request's id, as the answer's <c>X-Request-Id</c> says it.</summary>
    public required string RequestId { get; init; }

    /// <summary>The address that the request came from.</summary>
    public required string? Address { get; init; }

    public bool May(string permission) => Permissions.Contains(permission);

    /// <summary>The caller that <see cref="Identification"/> found. Minimal APIs call this to bind the parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) =>
        ValueTask.FromResult(context.Features.Get<Caller>());
}
