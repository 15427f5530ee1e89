using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Http;

namespace Caraway.Identity.Users;

/// <summary>
/// A new password: it has 8 to 128 characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9) and is not one of the most common passwords, compared
/// without regard to case (6.2.4). Their list, common-passwords.txt, comes from zxcvbn 4.4.2 (MIT licence): its 11,611 words of at least 8
/// characters.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PasswordAttribute : ValidationAttribute, ITextBounds
{
    public const int Shortest = 8;
    public const int Longest = 128;

    int ITextBounds.Shortest => Shortest;

    int ITextBounds.Longest => Longest;

    private static readonly Lazy<FrozenSet<string>> Common = new(Read);

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string password && Complaint(password) is { } sentence
            ? new ValidationResult(sentence, [validationContext.MemberName ?? ""])
            : ValidationResult.Success;

    /// <summary>Why the password is refused; null when it is accepted.</summary>
    internal static string? Complaint(string password)
    {
        if (Characters.Count(password) is < Shortest or > Longest)
            return "A password must have 8 to 128 characters.";
        if (password.Contains('\0', StringComparison.Ordinal))
            return "A password must not have the character U+0000.";
        return Common.Value.Contains(password) ? "This password is one of the most common passwords. Choose another one." : null;
    }

    private static FrozenSet<string> Read()
    {
        using var stream = typeof(PasswordAttribute).Assembly.GetManifestResourceStream("common-passwords.txt")
            ?? throw new InvalidOperationException("The resource common-passwords.txt is missing.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }
}
