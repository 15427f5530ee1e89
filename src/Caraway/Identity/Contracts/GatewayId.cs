namespace Caraway.Identity.Contracts;

/// <summary>The ids that a gateway may give its users.</summary>
internal static class GatewayId
{
    /// <summary>The beginning of a gateway's user as an actor: <c>gateway:anna</c>.</summary>
    public const string Actor = "gateway:";

    public const int Longest = 100;

    /// <summary>The beginnings of actors' names. An id with one of them could pass for another actor.</summary>
    private static readonly string[] Reserved = ["user:", "apikey:", Actor];

    /// <summary>Whether <c>X-User-ID</c> can be this text.</summary>
    public static bool Fits(string id) => id.Length is > 0 and <= Longest && id.All(c => c is > ' ' and not '\x7f') && !IsReserved(id);

    public static bool IsReserved(string id) => Array.Exists(Reserved, begin => id.StartsWith(begin, StringComparison.OrdinalIgnoreCase));
}
