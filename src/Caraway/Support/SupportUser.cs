using System.Globalization;
using Caraway.Identity.Contracts;

namespace Caraway.Support;

/// <summary>
/// Users as this API names them (<c>user_id</c>) and as the audit trail names them (the actor). A gateway's user is the gateway's own id,
/// without a prefix; <c>user:5</c> and <c>apikey:7</c> are the same in both.
/// </summary>
internal static class SupportUser
{
    private const string User = "user:";
    private const string Key = "apikey:";

    public static string IdOf(string actor) =>
        actor.StartsWith(GatewayId.Actor, StringComparison.Ordinal) ? actor[GatewayId.Actor.Length..] : actor;

    /// <param name="userId">One that <see cref="IsId"/> accepts.</param>
    public static string ActorOf(string userId) => GatewayId.IsReserved(userId) ? userId : GatewayId.Actor + userId;

    /// <summary>The signed-in user behind an actor; null for gateways and keys.</summary>
    public static long? NumberOf(string actor) => Number(actor, User);

    /// <summary>Whether the text can name a user: <c>user:</c> or <c>apikey:</c> and a number, or an id that a gateway may give.</summary>
    public static bool IsId(string userId) => (Number(userId, User) ?? Number(userId, Key)) is not null || GatewayId.Fits(userId);

    private static long? Number(string text, string begin) =>
        text.StartsWith(begin, StringComparison.Ordinal)
        && long.TryParse(text.AsSpan(begin.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && text == string.Create(CultureInfo.InvariantCulture, $"{begin}{number}")
            ? number
            : null;
}
