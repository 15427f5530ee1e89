using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net.Mail;
using System.Text.RegularExpressions;

namespace Caraway.Platform.Http;

/// <summary>Text of 1 to <see cref="Max"/> characters (Unicode code points, as PostgreSQL counts them). Null is left to <c>[Required]</c>.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class TextAttribute(int max) : ValidationAttribute
{
    public int Max { get; } = max;

    /// <summary>Whether the empty text is taken.</summary>
    public bool AllowEmpty { get; init; }

    /// <summary>Whether text of white space alone is taken.</summary>
    public bool AllowBlank { get; init; }

    /// <summary>Whether it is one line: <see cref="Characters.IsOneLine"/>.</summary>
    public bool SingleLine { get; init; }

    public override bool IsValid(object? value)
    {
        if (value is not string text)
            return true;
        ErrorMessage = Complaint(text);
        return ErrorMessage is null;
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is string text && Complaint(text) is { } sentence ? new ValidationResult(sentence, [validationContext.MemberName ?? ""]) : ValidationResult.Success;

    private string? Complaint(string text)
    {
        if (text.Length == 0)
            return AllowEmpty ? null : "This must not be empty.";
        if (!AllowBlank && string.IsNullOrWhiteSpace(text))
            return "This must not be white space only.";
        if (SingleLine && !Characters.IsOneLine(text))
            return "This must not have control characters.";
        return Characters.Count(text) > Max ? string.Create(CultureInfo.InvariantCulture, $"This must have at most {Max:#,0} characters.") : null;
    }
}

/// <summary>What a text is made of.</summary>
internal static class Characters
{
    /// <summary>Whether there are no control characters, and none that turn the direction of what follows (UAX #9), by which a name can pass for another.</summary>
    public static bool IsOneLine(string text) =>
        !text.Any(c => char.IsControl(c) || c is (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or '\u2028' or '\u2029');

    /// <summary>As PostgreSQL's <c>char_length</c> counts.</summary>
    public static int Count(string text)
    {
        var pairs = 0;
        foreach (var unit in text)
        {
            if (char.IsLowSurrogate(unit))
                pairs++;
        }

        return text.Length - pairs;
    }
}

/// <summary>An e-mail address (RFC 5321, without comments, quotes and address literals): at most 320 characters, a domain with a dot.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed partial class EmailAttribute : ValidationAttribute
{
    [GeneratedRegex(@"^(?=.{3,320}$)(?=[^@]{1,64}@)[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*@([\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}][\p{L}\p{N}-]{0,61}[\p{L}\p{N}]$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form { get; }

    /// <summary>The address as it is stored: the domain in lower case, the local part as given.</summary>
    public static string Normalize(string address)
    {
        var at = address.LastIndexOf('@');
        return string.Concat(address.AsSpan(0, at + 1), address[(at + 1)..].ToLowerInvariant());
    }

    public override bool IsValid(object? value) => value is not string address || (Form.IsMatch(address) && MailAddress.TryCreate(address, out _));

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        IsValid(value) ? ValidationResult.Success : new ValidationResult("This must be an e-mail address such as name@example.com.", [validationContext.MemberName ?? ""]);
}

/// <summary>A value is needed; null and absence are refused. (The framework's own sentence names the C# property.)</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Parameter)]
internal sealed class NeededAttribute : RequiredAttribute
{
    public NeededAttribute()
    {
        AllowEmptyStrings = true;
        ErrorMessage = "This is required.";
    }
}
