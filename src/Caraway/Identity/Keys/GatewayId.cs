using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Http;

namespace Caraway.Identity.Keys;

/// <summary>The ids that a gateway may give its users.</summary>
internal static class GatewayId
{
    public const int Longest = 100;

    /// <summary>The beginnings of other actors' names. An id with one of them could pass for another actor.</summary>
    private static readonly string[] Reserved = ["user:", "apikey:", "gateway:"];

    /// <summary>Whether <c>X-User-ID</c> can be this text.</summary>
    public static bool Fits(string id) => id.Length is > 0 and <= Longest && id.All(c => c is > ' ' and not '\x7f') && !IsReserved(id);

    public static bool IsReserved(string id) => Array.Exists(Reserved, begin => id.StartsWith(begin, StringComparison.OrdinalIgnoreCase));
}

/// <summary>
/// A gateway's id in a body: visible ASCII characters. A header has no encoding, so other characters would arrive there as other text.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class GatewayIdAttribute : ValidationAttribute, ITextBounds
{
    public int Shortest => 1;

    public int Longest => GatewayId.Longest;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string id && Complaint(id) is { } sentence
            ? new ValidationResult(sentence, [validationContext.MemberName ?? ""])
            : ValidationResult.Success;

    private static string? Complaint(string id)
    {
        if (GatewayId.IsReserved(id))
            return "This must not begin with user:, apikey: or gateway:.";
        return GatewayId.Fits(id) && id.All(char.IsAscii) ? null : "This must have 1 to 100 visible ASCII characters.";
    }
}
