using System.Collections.Frozen;
using System.ComponentModel.DataAnnotations;
using Caraway.Platform.Http;

namespace Caraway.Identity.Users;

/// <summary>
/// A new password: 8 to 128 characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9), and none of the most common ones (6.2.4), whatever its letters'
/// case. The list, common-passwords.txt, is that of zxcvbn 4.4.2 (MIT licence) without what is too short anyway: 11,611 words.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PasswordAttribute : ValidationAttribute
{
    public const int Shortest = 8;
    public const int Longest = 128;

    private static readonly Lazy<FrozenSet<string>> Common = new(Read);

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string password && Complaint(password) is { } sentence ? new ValidationResult(sentence, [validationContext.MemberName ?? ""]) : ValidationResult.Success;

    /// <summary>Why it is not taken, or null.</summary>
    internal static string? Complaint(string password)
    {
        if (Characters.Count(password) is < Shortest or > Longest)
            return "A password must have 8 to 128 characters.";
        if (password.Contains('\0', StringComparison.Ordinal))
            return "A password must not have the character U+0000.";
        return Common.Value.Contains(password) ? "This password is one of the most common ones. Choose another." : null;
    }

    private static FrozenSet<string> Read()
    {
        using var stream = typeof(PasswordAttribute).Assembly.GetManifestResourceStream("common-passwords.txt") ?? throw new InvalidOperationException("common-passwords.txt is not in the program.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }
}
