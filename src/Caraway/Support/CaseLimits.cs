using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Http;

namespace Caraway.Support;

/// <summary>The limits of a support case (docs/contracts/support.md). The tables check the same.</summary>
internal static class CaseLimits
{
    /// <summary>Title, description and tag lengths are in characters.</summary>
    public const int Title = 200;
    public const int Description = 20_000;
    public const int SessionId = 100;
    public const int Tags = 50;
    public const int Tag = 50;
    public const int MetadataBytes = 32 * 1024;
    public const int Shares = 100;
    public const int TemplateName = 100;
    public const int ChecklistItems = 100;
    public const int ChecklistItem = 200;
}

/// <summary>A list of texts, each of 1 to <paramref name="longest"/> characters on one line.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TextListAttribute(int most, int longest) : ValidationAttribute
{
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string?[] texts && Complaint(texts) is { } sentence
            ? new ValidationResult(sentence, [validationContext.MemberName ?? ""])
            : ValidationResult.Success;

    private string? Complaint(string?[] texts)
    {
        if (texts.Length > most)
            return $"This must have at most {most} texts.";
        return Array.TrueForAll(texts, Fits)
            ? null
            : $"Each text must have 1 to {longest} characters, not only white space, and no control characters.";
    }

    private bool Fits(string? text) =>
        !string.IsNullOrWhiteSpace(text) && Characters.Count(text) <= longest && Characters.IsOneLine(text);
}
