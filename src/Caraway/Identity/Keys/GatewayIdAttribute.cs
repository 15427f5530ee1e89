using System.ComponentModel.DataAnnotations;
using Caraway.Identity.Contracts;
using Caraway.Platform.Http;

namespace Caraway.Identity.Keys;

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
