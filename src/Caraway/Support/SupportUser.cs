namespace Caraway.Support;

/// <summary>
/// Users as this API names them (<c>user_id</c>) and as the audit trail names them (the actor). A gateway's user is the gateway's own id,
/// without a prefix; <c>user:5</c> and <c>apikey:7</c> are the same in both.
/// </summary>
internal static class SupportUser
{
    private const string Gateway = "gateway:";

    /// <summary>Prefixes of other callers, which no gateway's id may have.</summary>
    private static readonly string[] Others = ["user:", "apikey:"];

    public static string IdOf(string actor) => actor.StartsWith(Gateway, StringComparison.Ordinal) ? actor[Gateway.Length..] : actor;

    public static string ActorOf(string userId) =>
        Array.Exists(Others, prefix => userId.StartsWith(prefix, StringComparison.Ordinal)) ? userId : Gateway + userId;

    /// <summary>The signed-in user behind an actor; null for gateways and keys.</summary>
    public static long? NumberOf(string actor) =>
        actor.StartsWith("user:", StringComparison.Ordinal) && long.TryParse(actor.AsSpan(5), out var id) ? id : null;

    /// <summary>Whether the text of a path can name a user: 1 to 100 visible characters, and a number after <c>user:</c>.</summary>
    public static bool IsId(string userId) =>
        userId.Length is > 0 and <= CaseLimits.UserId
        && userId.All(c => c is > ' ' and not '\x7f')
        && (!userId.StartsWith("user:", StringComparison.Ordinal) || userId == $"user:{NumberOf(userId)}");
}
